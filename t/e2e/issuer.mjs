// A certified authorization server on a loopback port.
//
//   node issuer.mjs PORT SETTINGS.json
//
// SETTINGS: { "keys": [private JWK, ...], "clients": [client metadata, ...] }. It signs with the
// first key that fits an algorithm and publishes all of them. Started again on the same port with
// other keys it is the same issuer after a key rotation. Prints "ready" when it listens.
//
// The resource named in a token request decides about the token (RFC 8707):
//
//   urn:e2e:opaque[:TTL]           opaque, aud = urn:e2e:opaque
//   urn:e2e:jwt:ALG[:TTL]          a JWT of RFC 9068 signed with ALG, aud = urn:e2e:api
//   urn:e2e:elsewhere:ALG          the same for another audience
//
// Clients may exchange tokens (RFC 8693), see exchange.mjs. GET /e2e/counts says how often the server
// was asked for what.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

import Provider, { errors } from 'oidc-provider';

import { registerTokenExchange } from './exchange.mjs';

const port = Number(process.argv[2]);
const settings = JSON.parse(readFileSync(process.argv[3], 'utf8'));
const issuer = `http://127.0.0.1:${port}`;
const scope = 'read write admin';

function resourceServer(resource) {
  const [, , kind, first, second] = resource.split(':');

  switch (kind) {
    case 'opaque':
      return {
        scope,
        audience: 'urn:e2e:opaque',
        accessTokenTTL: Number(first ?? 600),
        accessTokenFormat: 'opaque',
      };
    case 'jwt':
    case 'elsewhere':
      return {
        scope,
        audience: kind === 'jwt' ? 'urn:e2e:api' : 'urn:e2e:elsewhere',
        accessTokenTTL: Number(second ?? 600),
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: first } },
      };
    default:
      throw new errors.InvalidTarget();
  }
}

const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];

const provider = new Provider(issuer, {
  clients: settings.clients,
  jwks: { keys: settings.keys },
  cookies: { keys: ['not used here'] },
  scopes: scope.split(' '),
  clientAuthMethods: [
    'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none',
  ],
  enabledJWA: {
    introspectionSigningAlgValues: [...algorithms, 'HS256'],
    clientAuthSigningAlgValues: [...algorithms, 'HS256'],
  },
  ttl: {
    AccessToken: (ctx, token) => token.resourceServer?.accessTokenTTL ?? 600,
    ClientCredentials: (ctx, token) => token.resourceServer?.accessTokenTTL ?? 600,
  },
  extraTokenClaims: (ctx, token) => ({
    tenant: 'acme',
    realm_access: { roles: ['clerk', 'auditor'] },
    sub: token.accountId ?? token.clientId,
    ...(token.act && { act: token.act }),
  }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    jwtIntrospection: { enabled: true },
    revocation: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'urn:e2e:opaque',
      getResourceServerInfo: (ctx, resource) => resourceServer(resource),
    },
  },
});

registerTokenExchange(provider, resourceServer);

provider.on('server_error', (ctx, error) => console.error(error));

let introspections = 0;
let keySets = 0;
let tokens = 0;

const handle = provider.callback();
const server = createServer((request, response) => {
  const path = request.url.split('?')[0];
  if (path === '/e2e/counts') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ introspections, keySets, tokens }));
    return;
  }
  if (path === '/token/introspection') {
    introspections += 1;
  } else if (path === '/token') {
    tokens += 1;
  } else if (path === '/jwks') {
    keySets += 1;
  }
  handle(request, response);
});

server.listen(port, '127.0.0.1', () => console.log('ready'));

process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
