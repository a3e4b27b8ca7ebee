// How the gateway proves itself to the issuer, and signed introspection answers (RFC 9701).

import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import {
  Issuer, Nginx, application, freePort, makeKey, resourceServer, workDirectory,
} from './support.mjs';

const secret = 'the resource server keeps this one to itself';

describe('the gateway as a client', () => {
  const directory = workDirectory();
  const keyFile = join(directory.path, 'gateway.pem');
  let issuer;

  before(async () => {
    const { alg, use, ...own } = makeKey('RS256', 'gateway');
    const key = createPrivateKey({ key: own, format: 'jwk' });
    const published = createPublicKey(key).export({ format: 'jwk' });
    writeFileSync(keyFile, key.export({ type: 'pkcs8', format: 'pem' }));

    issuer = new Issuer(directory.path, await freePort(), [
      application,
      resourceServer('hmac', 'client_secret_jwt', { client_secret: secret }),
      resourceServer('key', 'private_key_jwt', {
        jwks: { keys: [{ ...published, alg, use, kid: 'gateway' }] },
      }),
      ...['RS256', 'ES256', 'HS256'].map((alg) => (
        resourceServer(`signed-${alg}`, 'client_secret_basic', {
          client_secret: secret,
          introspection_signed_response_alg: alg,
        })
      )),
    ]);
    await issuer.start([makeKey('RS256', 'issuer'), makeKey('ES256', 'issuer-es')]);
  });

  after(async () => {
    await issuer?.stop();
    directory.remove();
  });

  // Runs `check` with a gateway of its own. What this version of the module names as not
  // supported is skipped, and shows as skipped; any other refusal to start is a failure.
  function gateway(name, introspector, location, check) {
    it(name, async (test) => {
      const nginx = new Nginx(directory.path, await freePort());
      try {
        await nginx.start({
          http: `
    token_introspector gateway {
        introspection_endpoint ${issuer.url}/token/introspection;
        ${introspector()}
    }
`,
          server: `
        add_header X-Status $token_status always;
        location = /up { return 200 "authorization=$http_authorization"; }
        location / {
            token_introspect gateway;
            ${location}
            proxy_pass http://127.0.0.1:${nginx.port}/up;
        }
`,
        });
      } catch (error) {
        const unsupported = /"[^"\n]*" is not supported by this version/.exec(nginx.child.output);
        if (!unsupported) {
          throw error;
        }
        test.skip(unsupported[0]);
        return;
      }
      try {
        const passed = await nginx.get('/', await issuer.token('urn:e2e:opaque'));
        assert.equal(passed.status, 200);
        assert.equal(passed.headers['x-status'], 'active');
        check(passed.body);
        assert.equal((await nginx.get('/', 'nobody-issued-this-one')).status, 401);
      } finally {
        await nginx.stop();
      }
    });
  }

  const stripped = (body) => assert.equal(body, 'authorization=');

  const signed = (alg = 'RS256', keys = `jwks_uri ${issuer.url}/jwks;`) => `
        client_id signed-${alg};
        client_secret "${secret}";
        issuer ${issuer.url};
        ${keys}
        response jwt;
`;

  gateway('client_secret_jwt', () => `
        client_id hmac;
        client_secret "${secret}";
        client_auth client_secret_jwt;
`, '', stripped);

  gateway('private_key_jwt', () => `
        client_id key;
        client_key_file ${keyFile};
        client_auth private_key_jwt;
`, '', stripped);

  gateway('a signed answer is verified', () => signed(), '', stripped);

  gateway('... by an ECDSA key', () => signed('ES256'), '', stripped);

  gateway('... by keys that are discovered', () => signed('RS256', 'discovery on;'), '', stripped);

  gateway("... by the client's secret", () => signed('HS256', `secret "${secret}";`), '', stripped);

  gateway(
    'the signed answer goes upstream in place of the token',
    () => signed(),
    'token_forward_token introspected;',
    (body) => {
      const [, jwt] = /^authorization=Bearer ([\w.-]+)$/.exec(body);
      const [header, payload] = jwt.split('.').slice(0, 2)
        .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));
      assert.equal(header.typ, 'token-introspection+jwt');
      assert.equal(payload.token_introspection.active, true);
    },
  );
});
