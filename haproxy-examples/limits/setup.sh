#!/bin/sh
# The roles, limits and users of this example, written to Redis through reeve-admin (REEVE_REDIS says
# which). May be run again: roles and limits are set to what stands here, users are left alone.
#
#   internal   own services: high rate, first in the queue
#   vendor     third parties: a strict rate for each user, a quota for each team and day
#   guest      who offers no credential: by source address
#   everyone   in all of these roles: a safety limit for the whole
#
# Then: key=$(reeve-admin key issue shop)

set -eu

admin=${REEVE_ADMIN:-reeve-admin}

"$admin" limit set everyone rate=2000/s burst=4000 scope=global on_store_down=allow
"$admin" limit set internal rate=500/s burst=1000 scope=user on_store_down=budget:10%
"$admin" limit set vendor-rate rate=5/s burst=10 scope=user
"$admin" limit set vendor-daily quota=10000 per=day tz=Europe/Berlin scope=team
"$admin" limit set guest-source rate=60/min burst=20 scope=source

"$admin" role set internal limits=internal,everyone priority=10
"$admin" role rule set internal orders "allow * * /v1/**"

"$admin" limit set vendor-reports quota=20 per=hour scope=team
"$admin" role set vendor limits=vendor-rate,vendor-daily,everyone priority=500
"$admin" role rule set vendor orders "allow GET,POST * /v1/orders/**"
"$admin" role rule set vendor bulk "allow POST * /v1/orders/bulk cost=5"
"$admin" role rule set vendor reports "allow GET * /v1/reports/** limit=vendor-reports"

"$admin" role set guest limits=guest-source,everyone priority=1000
"$admin" role rule set guest catalogue "allow GET * /v1/catalogue/**"

"$admin" team set acme
"$admin" user show shop >/dev/null 2>&1 || "$admin" user add shop roles=internal
"$admin" user show acme-bot >/dev/null 2>&1 || "$admin" user add acme-bot roles=vendor team=acme
