// Token exchange (RFC 8693), both halves: the gateway as an issuer, asked by openid-client, which knows
// nothing of it but its URL; and the gateway as a client, of itself and of oidc-provider.

import assert from 'node:assert/strict';
import {
  createDecipheriv, createPublicKey, generateKeyPairSync, randomBytes, verify, webcrypto,
} from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { accessTokenType, tokenExchange } from './exchange.mjs';
import {
  Issuer, Nginx, application, freePort, makeKey, request, until, workDirectory,
} from './support.mjs';

// node 18 has it, but not as a global
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;
const oauth = await import('openid-client');

const jwtType = 'urn:ietf:params:oauth:token-type:jwt';
const secret = 'a secret that only one client has';
const outside = 'urn:e2e:jwt:RS256'; // a resource of oidc-provider, see issuer.mjs

const partsOf = (jwt) => jwt.split('.').map((part) => Buffer.from(part, 'base64url'));
const claimsOf = (jwt) => JSON.parse(partsOf(jwt)[1].toString());

describe('token exchange', () => {
  const directory = workDirectory();
  const sealing = randomBytes(32);
  let provider;
  let nginx;
  let own; // the issuer's URL

  before(async () => {
    provider = new Issuer(directory.path, await freePort(), [
      application,
      ...['gateway', 'poster'].map((name) => ({
        client_id: name,
        client_secret: secret,
        token_endpoint_auth_method: `client_secret_${name === 'poster' ? 'post' : 'basic'}`,
        grant_types: [tokenExchange, 'client_credentials'],
        redirect_uris: [],
        response_types: [],
      })),
    ]);
    await provider.start([makeKey('RS256', 'outside')]);

    nginx = new Nginx(directory.path, await freePort());
    own = `http://127.0.0.1:${nginx.port}`;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signing = join(directory.path, 'signing.pem');
    writeFileSync(signing, privateKey.export({ type: 'pkcs8', format: 'pem' }));

    const client = `secret "${secret}"; grant_types token-exchange;`;
    const as = (name) => `client_id ${name}; client_secret "${secret}";`;
    const up = `proxy_pass ${own}/up;`;
    await nginx.start({
      http: `
    token_introspector outside { issuer ${provider.url}; audience urn:e2e:api; discovery on; }
    token_introspector asked_outside {
        type opaque;
        introspection_endpoint ${provider.url}/token/introspection;
        ${as('gateway')}
        issuer ${provider.url};
        cache_ttl off;
    }

    token_issuer own {
        issuer ${own};
        signing_key file:${signing};
        encryption_key ${sealing.toString('base64url')} format=base64url kid=sealing;
        audience urn:e2e:gateway;
        introspectors outside asked_outside issued;
    }
    token_client portal {
        ${client}
        allowed_issuers ${provider.url};
        refresh_token on;
        scope read write;
    }
    token_client spa {
        ${client}
        allowed_issuers ${provider.url};
        token_format jwt;
        audience urn:e2e:stock;
    }
    token_client service {
        ${client}
        allowed_issuers ${own};
        token_format jwt;
        audience urn:e2e:stock;
    }

    token_introspector issued { type issued own; audience urn:e2e:gateway; }
    token_introspector found { issuer ${own}; audience urn:e2e:gateway; discovery on; }
    token_introspector asked {
        introspection_endpoint ${own}/auth/introspect;
        ${as('service')}
        audience urn:e2e:gateway;
        cache_ttl 1s;
    }

    token_exchanger stock {
        token_endpoint ${own}/auth/token;
        ${as('service')}
        audience urn:e2e:stock;
    }
    token_exchanger elsewhere {
        token_endpoint ${provider.url}/token;
        ${as('gateway')}
        audience urn:e2e:jwt:RS256;
        scope read;
    }
    token_exchanger posted {
        token_endpoint ${provider.url}/token;
        ${as('poster')}
        client_auth post;
        resource urn:e2e:opaque;
    }
    token_exchanger brief {
        token_endpoint ${provider.url}/token;
        ${as('gateway')}
        audience urn:e2e:opaque:3;
    }
    token_exchanger wrong {
        token_endpoint ${provider.url}/token;
        client_id gateway;
        client_secret "not the one";
        audience urn:e2e:opaque;
    }
    token_exchanger unknown {
        token_endpoint ${provider.url}/token;
        ${as('gateway')}
        audience urn:e2e:nowhere;
    }
    token_exchanger machine {
        token_endpoint ${provider.url}/token;
        grant client_credentials;
        ${as('gateway')}
        resource urn:e2e:opaque;
    }
`,
      server: `
        add_header X-Status $token_status always;
        add_header X-Exchanged $token_exchanged always;
        location = /auth/token { token_exchange_endpoint own; }
        location = /auth/keys { token_jwks own; }
        location = /auth/introspect { token_introspection_endpoint own; }
        location = /auth/revoke { token_revocation_endpoint own; }
        location = /.well-known/oauth-authorization-server { token_metadata own; }

        location /issued { token_introspect issued; token_forward_claims sub client_id; ${up} }
        location /found { token_introspect found; token_forward_claims sub client_id; ${up} }
        location /asked { token_introspect asked; token_forward_claims sub client_id; ${up} }
        location /stock { token_introspect issued; token_exchange stock; ${up} }
${['elsewhere', 'posted', 'brief', 'wrong', 'unknown'].map((name) => `
        location /${name} {
            token_introspect asked_outside;
            token_exchange ${name};
            ${up}
        }`).join('')}
        location /maybe { token_introspect asked_outside optional; token_exchange elsewhere; ${up} }
        location /machine { token_exchange machine; ${up} }

        location = /up {
            return 200 "$http_authorization|$http_x_token_sub|$http_x_token_client_id";
        }
`,
    });
  });

  after(async () => {
    await nginx?.stop();
    await provider?.stop();
    directory.remove();
  });

  /** What the upstream was sent: [Authorization, X-Token-Sub, X-Token-Client-Id]. */
  const sent = (response) => {
    assert.equal(response.status, 200, `${response.status} ${response.headers['x-status']}`);
    return response.body.split('|');
  };
  const sentToken = (response) => /^Bearer (\S+)$/.exec(sent(response)[0])[1];

  describe('the gateway as an issuer', () => {
    const discover = (client, authentication = oauth.ClientSecretBasic(secret)) => oauth.discovery(
      new URL(own), client, secret, authentication,
      { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] },
    );
    const exchange = async (configuration, parameters = {}, resource = outside) => (
      oauth.genericGrantRequest(configuration, tokenExchange, {
        subject_token: await provider.token(resource),
        subject_token_type: accessTokenType,
        ...parameters,
      })
    );
    const refusal = (error, status = 400) => (thrown) => (
      assert.deepEqual([thrown.error, thrown.status], [error, status]) ?? true
    );

    it('is found by its URL (RFC 8414)', async () => {
      const found = (await discover('portal')).serverMetadata();
      assert.equal(found.issuer, own);
      assert.equal(found.token_endpoint, `${own}/auth/token`);
      assert.equal(found.jwks_uri, `${own}/auth/keys`);
      assert.equal(found.introspection_endpoint, `${own}/auth/introspect`);
      assert.equal(found.revocation_endpoint, `${own}/auth/revoke`);
      assert.ok(found.grant_types_supported.includes(tokenExchange));
    });

    for (const [name, authentication] of [
      ['Basic', oauth.ClientSecretBasic(secret)], ['in the body', oauth.ClientSecretPost(secret)],
    ]) {
      it(`a JWT of another issuer becomes one of ours, the secret ${name} (B80)`, async () => {
        const answer = await exchange(await discover('spa', authentication));
        assert.equal(answer.issued_token_type, accessTokenType);
        assert.equal(answer.token_type, 'bearer');
        assert.ok(answer.expires_in > 0 && answer.expires_in <= 300);
        assert.equal(answer.scope, 'read write');
        assert.equal(answer.refresh_token, undefined);

        const [header, payload, signature] = partsOf(answer.access_token);
        const { alg, typ, kid } = JSON.parse(header.toString());
        assert.deepEqual([alg, typ], ['ES256', 'at+jwt']);
        const { keys } = JSON.parse((await nginx.get('/auth/keys')).body);
        const key = createPublicKey({ key: keys.find((jwk) => jwk.kid === kid), format: 'jwk' });
        const signed = Buffer.from(answer.access_token.split('.', 2).join('.'));
        assert.ok(verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature));

        const claims = JSON.parse(payload.toString());
        assert.deepEqual(
          Object.keys(claims).sort(),
          ['aud', 'client_id', 'exp', 'iat', 'iss', 'jti', 'scope', 'sub'],
        );
        assert.equal(claims.iss, own);
        assert.equal(claims.sub, 'app');
        assert.equal(claims.aud, 'urn:e2e:gateway');
        assert.equal(claims.client_id, 'spa');
        assert.equal(claims.exp - claims.iat, 300);

        for (const path of ['/issued', '/found', '/asked']) {
          assert.deepEqual(
            sent(await nginx.get(path, answer.access_token)), ['', 'app', 'spa'], path,
          );
        }
      });
    }

    it('... or an opaque one, which only the key opens (B81, B87)', async () => {
      const answer = await exchange(await discover('portal'));
      const { access_token: token, refresh_token: refresh } = answer;
      for (const [value, type] of [[token, 'at+jwe'], [refresh, 'rt+jwe']]) {
        const [header, key, iv, text, tag] = partsOf(value);
        assert.deepEqual(
          JSON.parse(header.toString()), { alg: 'dir', enc: 'A256GCM', typ: type, kid: 'sealing' },
        );
        assert.equal(key.length, 0);
        const opened = createDecipheriv('aes-256-gcm', sealing, iv);
        opened.setAAD(Buffer.from(value.split('.')[0]));
        opened.setAuthTag(tag);
        const claims = JSON.parse(Buffer.concat([opened.update(text), opened.final()]).toString());
        assert.equal(claims.sub, 'app');
      }
      for (const path of ['/issued', '/asked']) {
        assert.deepEqual(sent(await nginx.get(path, token)), ['', 'app', 'portal'], path);
        assert.equal((await nginx.get(path, refresh)).status, 401, `${path}: the refresh token`);
      }
    });

    it('an opaque token of another issuer is introspected first', async () => {
      const answer = await exchange(await discover('spa'), {}, 'urn:e2e:opaque');
      assert.equal(claimsOf(answer.access_token).sub, 'app');
      await assert.rejects(
        exchange(await discover('spa'), { subject_token: 'nobody-issued-this-one' }),
        refusal('invalid_request'),
      );
    });

    it('a narrower scope, another audience, a JWT for an opaque client (B86)', async () => {
      const spa = await discover('spa');
      const narrow = await exchange(spa, { scope: 'read', audience: 'urn:e2e:stock' });
      const { scope, aud } = claimsOf(narrow.access_token);
      assert.deepEqual([scope, aud], ['read', 'urn:e2e:stock']);
      assert.equal((await nginx.get('/issued', narrow.access_token)).status, 401);

      const answer = await exchange(await discover('portal'), { requested_token_type: jwtType });
      assert.equal(answer.issued_token_type, jwtType);
      assert.equal(claimsOf(answer.access_token).client_id, 'portal');

      await assert.rejects(exchange(spa, { scope: 'admin' }), refusal('invalid_scope'));
      await assert.rejects(exchange(spa, { audience: 'urn:e2e:x' }), refusal('invalid_target'));
    });

    it('refresh, introspection, revocation (B82)', async () => {
      const portal = await discover('portal');
      const first = await exchange(portal);
      const second = await oauth.refreshTokenGrant(portal, first.refresh_token, { scope: 'read' });
      assert.equal(second.scope, 'read');
      assert.notEqual(second.access_token, first.access_token);

      const claims = await oauth.tokenIntrospection(portal, second.access_token);
      assert.equal(claims.active, true);
      assert.deepEqual([claims.sub, claims.client_id, claims.iss], ['app', 'portal', own]);

      const hint = { token_type_hint: 'refresh_token' };
      for (const [client, hinted, active] of [
        [portal, hint, true], [portal, {}, false], [await discover('spa'), hint, false],
      ]) {
        const answer = await oauth.tokenIntrospection(client, first.refresh_token, hinted);
        assert.equal(answer.active, active, 'the refresh token');
        assert.equal(answer.token_type, undefined);
      }

      await oauth.tokenRevocation(portal, second.access_token);
      assert.equal((await nginx.get('/issued', second.access_token)).status, 401);
      assert.equal((await nginx.get('/issued', first.access_token)).status, 200);

      await oauth.tokenRevocation(portal, first.refresh_token);
      assert.equal((await nginx.get('/issued', first.access_token)).status, 401);
      const after = await oauth.tokenIntrospection(portal, first.access_token);
      assert.deepEqual(after, { active: false });
      await assert.rejects(
        oauth.refreshTokenGrant(portal, first.refresh_token), refusal('invalid_grant'),
      );
      await until('others hear of it when they ask again', async () => (
        (await nginx.get('/asked', first.access_token)).status === 401
      ));
    });

    it('who may not', async () => {
      await assert.rejects(exchange(await discover('service')), refusal('invalid_request')); // B69
      await assert.rejects(
        exchange(await discover('spa', oauth.ClientSecretPost('guessed'))),
        refusal('invalid_client', 401), // B67
      );
      await assert.rejects(
        oauth.clientCredentialsGrant(await discover('spa')),
        refusal('unsupported_grant_type'), // B70
      );
    });

    it('what its issuer has revoked is not exchanged', async () => {
      const token = await provider.token('urn:e2e:opaque');
      const spa = await discover('spa');
      await exchange(spa, { subject_token: token });
      await provider.revoke(token);
      await assert.rejects(exchange(spa, { subject_token: token }), refusal('invalid_request'));
      assert.ok(!nginx.log().includes(token));
      assert.ok(!nginx.log().includes(secret));
    });
  });

  describe('the gateway as a client', () => {
    it('of its own endpoint: the upstream gets a token for it', async () => {
      const portal = await oauth.discovery(new URL(own), 'portal', secret, undefined, {
        algorithm: 'oauth2', execute: [oauth.allowInsecureRequests],
      });
      const { access_token: users } = await oauth.genericGrantRequest(portal, tokenExchange, {
        subject_token: await provider.token(outside), subject_token_type: jwtType,
      });
      const first = sentToken(await nginx.get('/stock', users));
      const { iss, aud, sub, client_id: client, scope } = claimsOf(first);
      assert.deepEqual(
        [iss, aud, sub, client, scope], [own, 'urn:e2e:stock', 'app', 'service', 'read write'],
      );
      assert.equal(sentToken(await nginx.get('/stock', users)), first, 'it is kept');

      await oauth.tokenRevocation(portal, users);
      assert.equal((await nginx.get('/stock', users)).status, 401);
    });

    it('of oidc-provider: the upstream gets a token for it', async () => {
      const token = await provider.token('urn:e2e:opaque');
      const forwarded = claimsOf(sentToken(await nginx.get('/elsewhere', token)));
      assert.equal(forwarded.aud, 'urn:e2e:api');
      assert.equal(forwarded.sub, 'app');
      assert.deepEqual(forwarded.act, { sub: 'gateway' });
      assert.equal(forwarded.scope, 'read');
    });

    it('... which is asked once for a token, by twenty requests at once, too', async () => {
      const token = await provider.token('urn:e2e:opaque');
      const before = (await provider.counts()).tokens;
      const all = await Promise.all(
        Array.from({ length: 20 }, () => nginx.get('/elsewhere', token)),
      );
      assert.equal(new Set(all.map(sentToken)).size, 1);
      assert.equal((await provider.counts()).tokens, before + 1);

      const another = await provider.token('urn:e2e:opaque');
      assert.notEqual(
        sentToken(await nginx.get('/elsewhere', another)), sentToken(all[0]), 'another user',
      );
    });

    it('client_secret_post, and a resource', async () => {
      const token = await provider.token('urn:e2e:opaque');
      const forwarded = sentToken(await nginx.get('/posted', token));
      const { active, aud, client_id: client } = await provider.introspect(forwarded);
      assert.deepEqual([active, aud, client], [true, 'urn:e2e:opaque', 'poster']);
    });

    it('a new one before the last one ends', async () => {
      const token = await provider.token('urn:e2e:opaque');
      const first = sentToken(await nginx.get('/brief', token));
      const next = await until('another token is sent', async () => {
        const now = sentToken(await nginx.get('/brief', token));
        return now !== first && now;
      });
      assert.equal((await provider.introspect(next)).active, true);
    });

    it('a token of its own, without a user', async () => {
      const before = (await provider.counts()).tokens;
      const forwarded = sentToken(await nginx.get('/machine'));
      const { active, client_id: client } = await provider.introspect(forwarded);
      assert.deepEqual([active, client], [true, 'gateway']);
      assert.equal(
        sentToken(await nginx.get('/machine', 'what the client sent')), forwarded, 'it is kept',
      );
      assert.equal((await provider.counts()).tokens, before + 1);
    });

    it('bad tokens are not exchanged, no token is none', async () => {
      const before = (await provider.counts()).tokens;
      assert.equal((await nginx.get('/elsewhere', 'nobody-issued-this-one')).status, 401);
      assert.equal((await nginx.get('/elsewhere')).status, 401);
      assert.deepEqual(sent(await nginx.get('/maybe')), ['', '', '']);
      assert.equal((await provider.counts()).tokens, before);

      const token = await provider.token('urn:e2e:opaque');
      sent(await nginx.get('/elsewhere', token));
      await provider.revoke(token);
      assert.equal((await nginx.get('/elsewhere', token)).status, 401, 'nor one that was');
    });

    for (const [path, what] of [
      ['/wrong', "the gateway's secret is wrong"], ['/unknown', 'there is no such service'],
    ]) {
      it(`${what}: nothing goes upstream`, async () => {
        const token = await provider.token('urn:e2e:opaque');
        const response = await nginx.get(path, token);
        assert.deepEqual([response.status, response.headers['x-status']], [503, 'issuer_status']);
        assert.ok(response.headers['retry-after']);
        assert.equal(response.headers['x-exchanged'], undefined);
        assert.ok(!nginx.log().includes(token));
        assert.ok(!nginx.log().includes('not the one'));
      });
    }
  });

  it('requests that are none', async () => {
    const post = (body, type = 'application/x-www-form-urlencoded') => request(
      nginx.port, '/auth/token', { method: 'POST', headers: { 'content-type': type }, body },
    );
    for (const [response, status] of [
      [await request(nginx.port, '/auth/token'), 405],
      [await post('x=y', 'text/plain'), 400],
      [await post('{"grant_type":', 'application/json'), 400],
      [await post(`a=${'b'.repeat(70000)}`), 413],
      [await request(nginx.port, '/auth/keys', { method: 'POST' }), 405],
    ]) {
      assert.equal(response.status, status);
    }
  });
});
