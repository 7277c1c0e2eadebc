// An oidc-provider on TLS whose keys rotate: a line on stdin makes a new one sign, and keeps the last.
//
// usage: provider.mjs HOST PORT CERTIFICATE KEY
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

const [host, port, certificate, key] = process.argv.slice(2);
const issuer = `https://${host}:${port}`;
let keys = [];
let current;

function rotate() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'ES256' };
  keys = [jwk, ...keys].slice(0, 2);
  const api = {
    scope: '', audience: 'api', accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } },
  };
  current = new Provider(issuer, {
    clients: [{
      client_id: 'alice', client_secret: 'sesame', grant_types: ['client_credentials'],
      redirect_uris: [], response_types: [], id_token_signed_response_alg: 'ES256',
    }],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: { enabled: true, defaultResource: () => 'urn:api', getResourceServerInfo: () => api },
    },
    jwks: { keys },
    cookies: { keys: ['x'] },
  }).callback();
  console.log(jwk.kid);
}

rotate();
createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) =>
  current(request, response)).listen(Number(port), host);
createInterface({ input: process.stdin }).on('line', rotate).on('close', () => process.exit(0));
