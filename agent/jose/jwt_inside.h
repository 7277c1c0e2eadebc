/* What jwt.c and jwt_roles.c share. */
#ifndef REEVE_JOSE_JWT_INSIDE_H
#define REEVE_JOSE_JWT_INSIDE_H

#include "agent/jose/json.h"
#include "agent/jose/jwt.h"

#define JWT_NAME_BYTES_MAX 64 /* of a role, as str_is_name() has it */
#define JWT_ROLES_BYTES    (JWT_ROLES_MAX * (JWT_NAME_BYTES_MAX + 1))

/* By name, or by path. NULL where it is not there. */
const json_t *jwt_claim(const json_t *claims, struct str name);

/* The roles that the claim names, "a,b" in `out`. */
enum jose_fault jwt_read_roles(const struct jwt_policy *policy, const json_t *claims,
                               char out[JWT_ROLES_BYTES], struct str *roles);

#endif
