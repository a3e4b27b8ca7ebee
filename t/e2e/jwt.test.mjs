// JWT access tokens (RFC 9068), verified with the issuer's published keys.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import {
  Issuer, Nginx, application, freePort, makeKey, until, workDirectory,
} from './support.mjs';

const old = ['RS256', 'ES256', 'EdDSA'].map((algorithm) => makeKey(algorithm, `old-${algorithm}`));
const fresh = ['RS256', 'ES256'].map((algorithm) => makeKey(algorithm, `new-${algorithm}`));

describe('JWT access tokens', () => {
  const directory = workDirectory();
  let issuer;
  let nginx;

  before(async () => {
    issuer = new Issuer(directory.path, await freePort(), [application]);
    await issuer.start(old);

    nginx = new Nginx(directory.path, await freePort());
    const up = `proxy_pass http://127.0.0.1:${nginx.port}`;
    const checks = `issuer ${issuer.url}; audience urn:e2e:api;`;
    await nginx.start({
      http: `
    token_introspector discovered { ${checks} discovery on; }
    token_introspector keys { ${checks} jwks_uri ${issuer.url}/jwks; }
    token_introspector short { ${checks} jwks_uri ${issuer.url}/jwks; cache_ttl 1s; }
    token_introspector rsa { ${checks} jwks_uri ${issuer.url}/jwks; algorithms RS256; }
`,
      server: `
        add_header X-Cache $token_cache_status always;
        add_header X-Status $token_status always;
        location /discovered { token_introspect discovered; ${up}/up; }
        location /keys { token_introspect keys; ${up}/up; }
        location /short { token_introspect short; ${up}/up; }
        location /rsa { token_introspect rsa; ${up}/up; }
        location /claims {
            token_introspect keys;
            token_require_claim realm_access.roles any auditor;
            token_forward_claims sub tenant;
            ${up}/received-claims;
        }
        location = /up { return 200 "authorization=$http_authorization"; }
        location = /received-claims { return 200 "$http_x_token_sub $http_x_token_tenant"; }
`,
    });
  });

  after(async () => {
    await nginx?.stop();
    await issuer?.stop();
    directory.remove();
  });

  for (const algorithm of ['RS256', 'ES256', 'EdDSA']) {
    for (const path of ['/discovered', '/keys']) {
      it(`${algorithm} passes by ${path.slice(1)}`, async () => {
        const response = await nginx.get(path, await issuer.token(`urn:e2e:jwt:${algorithm}`));
        assert.equal(response.headers['x-status'], 'active');
        assert.equal(response.status, 200);
        assert.equal(response.body, 'authorization=');
      });
    }
  }

  it('no token: 401', async () => {
    const response = await nginx.get('/keys');
    assert.equal(response.status, 401);
    assert.match(response.headers['www-authenticate'], /^Bearer\b/);
  });

  it('an algorithm that is not permitted: 401', async () => {
    assert.equal((await nginx.get('/rsa', await issuer.token('urn:e2e:jwt:RS256'))).status, 200);
    const response = await nginx.get('/rsa', await issuer.token('urn:e2e:jwt:ES256'));
    assert.equal(response.status, 401);
    assert.match(response.headers['www-authenticate'], /error="invalid_token"/);
  });

  it('a token for another audience: 401', async () => {
    const response = await nginx.get('/keys', await issuer.token('urn:e2e:elsewhere:RS256'));
    assert.equal(response.status, 401);
    assert.match(response.headers['www-authenticate'], /error="invalid_token"/);
  });

  it('an altered token: 401', async () => {
    const token = await issuer.token('urn:e2e:jwt:RS256');
    const [header, payload, signature] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: 'admin' })).toString('base64url');
    const response = await nginx.get('/keys', `${header}.${forged}.${signature}`);
    assert.equal(response.status, 401);
    assert.match(response.headers['www-authenticate'], /error="invalid_token"/);
  });

  it('claims are checked and arrive upstream', async () => {
    const response = await nginx.get('/claims', await issuer.token('urn:e2e:jwt:RS256'), {
      'X-Token-Sub': 'admin',
    });
    assert.equal(response.status, 200);
    assert.equal(response.body, 'app acme');
  });

  it('the key set is fetched once for many tokens', async () => {
    const before = (await issuer.counts()).keySets;
    for (let i = 0; i < 5; i += 1) {
      const response = await nginx.get('/keys', await issuer.token('urn:e2e:jwt:RS256'));
      assert.equal(response.status, 200);
    }
    assert.equal((await issuer.counts()).keySets, before);
  });

  it('an expired token: 401', async () => {
    const token = await issuer.token('urn:e2e:jwt:RS256:2');
    assert.equal((await nginx.get('/keys', token)).status, 200);
    const refused = await until('the expired token is refused', async () => {
      const response = await nginx.get('/keys', token);
      return response.status !== 200 && response;
    });
    assert.equal(refused.status, 401);
    assert.equal(refused.headers['x-status'], 'expired');
    assert.match(refused.headers['www-authenticate'], /error="invalid_token"/);
  });

  it('a key rotation needs no reload', async () => {
    const before = await issuer.token('urn:e2e:jwt:RS256');
    for (const path of ['/keys', '/discovered', '/short']) {
      assert.equal((await nginx.get(path, before)).status, 200);
    }

    await issuer.stop();
    await issuer.start(fresh);
    const after = await issuer.token('urn:e2e:jwt:RS256');

    // The kid is unknown: that alone makes the gateway ask for the keys again (cache_ttl is five
    // minutes), though not more often than every few seconds.
    for (const path of ['/keys', '/discovered']) {
      await until('the new key is known', async () => (
        (await nginx.get(path, after)).status === 200
      ));
    }

    // The old key has left the set, and what it signed with it, also what was verified before.
    for (const path of ['/keys', '/discovered']) {
      const refused = await nginx.get(path, before);
      assert.equal(refused.status, 401);
      assert.match(refused.headers['www-authenticate'], /error="invalid_token"/);
    }

    // Where nobody brings a new token, the age of the set decides.
    const refused = await until('the old key is given up', async () => {
      const response = await nginx.get('/short', before);
      return response.status !== 200 && response;
    });
    assert.equal(refused.status, 401);
  });

  it('tokens of unknown keys do not flood the issuer', async () => {
    const [header, payload, signature] = (await issuer.token('urn:e2e:jwt:RS256')).split('.');
    const known = JSON.parse(Buffer.from(header, 'base64url').toString());
    const before = (await issuer.counts()).keySets;
    const began = performance.now();
    for (let i = 0; i < 30; i += 1) {
      const other = Buffer.from(JSON.stringify({ ...known, kid: `made-up-${i}` }));
      const response = await nginx.get(
        '/keys', `${other.toString('base64url')}.${payload}.${signature}`,
      );
      assert.equal(response.status, 401);
    }
    // one every five seconds, however slow this machine is
    const most = 2 + (performance.now() - began) / 5000;
    assert.ok((await issuer.counts()).keySets - before <= most);
  });

  it('the issuer is down: its keys are known, new tokens still pass', async () => {
    const known = await issuer.token('urn:e2e:jwt:ES256');
    const unseen = await issuer.token('urn:e2e:jwt:ES256');
    assert.equal((await nginx.get('/keys', known)).status, 200);
    await issuer.stop();
    assert.equal((await nginx.get('/keys', known)).status, 200);
    assert.equal((await nginx.get('/keys', unseen)).status, 200);
  });
});
