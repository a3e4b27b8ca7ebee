// Opaque tokens, validated by introspection (RFC 7662).

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import {
  Issuer, Nginx, application, freePort, makeKey, resourceServer, until, workDirectory,
} from './support.mjs';

const secret = 'the resource server keeps this one to itself';

describe('opaque tokens', () => {
  const directory = workDirectory();
  let issuer;
  let nginx;

  before(async () => {
    issuer = new Issuer(directory.path, await freePort(), [
      application,
      resourceServer('basic', 'client_secret_basic', { client_secret: secret }),
      resourceServer('post', 'client_secret_post', { client_secret: secret }),
    ]);
    await issuer.start([makeKey('RS256')]);

    nginx = new Nginx(directory.path, await freePort());
    const endpoint = `introspection_endpoint ${issuer.url}/token/introspection;`;
    const up = `proxy_pass http://127.0.0.1:${nginx.port}`;
    await nginx.start({
      http: `
    token_introspector basic {
        ${endpoint}
        client_id basic;
        client_secret "${secret}";
    }
    token_introspector post {
        ${endpoint}
        client_id post;
        client_secret "${secret}";
        client_auth post;
    }
    token_introspector short {
        ${endpoint}
        client_id basic;
        client_secret "${secret}";
        cache_ttl 1s;
    }
    token_introspector wrong {
        ${endpoint}
        client_id basic;
        client_secret "not the one that the issuer knows";
    }
`,
      server: `
        add_header X-Cache $token_cache_status always;
        add_header X-Status $token_status always;
        location /basic { token_introspect basic; ${up}/up; }
        location /post { token_introspect post; ${up}/up; }
        location /short { token_introspect short; ${up}/up; }
        location /wrong { token_introspect wrong; ${up}/up; }
        location /scope { token_introspect basic; token_require_scope admin; ${up}/up; }
        location /claims {
            token_introspect basic;
            token_forward_claims client_id tenant realm_access.roles;
            ${up}/received-claims;
        }
        location = /up { return 200 "authorization=$http_authorization"; }
        location = /received-claims {
            return 200 "$http_x_token_client_id $http_x_token_tenant $http_x_token_realm_access_roles";
        }
`,
    });
  });

  after(async () => {
    await nginx?.stop();
    await issuer?.stop();
    directory.remove();
  });

  it('no token: 401 with a bare challenge', async () => {
    const response = await nginx.get('/basic');
    assert.equal(response.status, 401);
    assert.match(response.headers['www-authenticate'], /^Bearer\b/);
    assert.doesNotMatch(response.headers['www-authenticate'], /error/);
  });

  it('an active token passes and stays at the gateway', async () => {
    const token = await issuer.token('urn:e2e:opaque');
    const response = await nginx.get('/basic', token);
    assert.equal(response.status, 200);
    assert.equal(response.headers['x-status'], 'active');
    assert.equal(response.body, 'authorization=');
  });

  it('the second request is answered from the cache', async () => {
    const token = await issuer.token('urn:e2e:opaque');
    const before = (await issuer.counts()).introspections;

    const first = await nginx.get('/basic', token);
    assert.equal(first.status, 200);
    assert.equal(first.headers['x-cache'], 'MISS');

    for (let i = 0; i < 10; i += 1) {
      const next = await nginx.get('/basic', token);
      assert.equal(next.status, 200);
      assert.equal(next.headers['x-cache'], 'HIT');
    }
    assert.equal((await issuer.counts()).introspections, before + 1);
  });

  it('twenty requests at once ask the issuer once', async () => {
    const token = await issuer.token('urn:e2e:opaque');
    const before = (await issuer.counts()).introspections;
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => nginx.get('/basic', token)),
    );
    assert.deepEqual(responses.map(({ status }) => status), Array(20).fill(200));
    assert.equal((await issuer.counts()).introspections, before + 1);
  });

  it('an unknown token: 401 invalid_token', async () => {
    const response = await nginx.get('/basic', 'nobody-issued-this-one');
    assert.equal(response.status, 401);
    assert.equal(response.headers['x-status'], 'inactive');
    assert.match(response.headers['www-authenticate'], /error="invalid_token"/);
  });

  it('client_secret_post', async () => {
    const token = await issuer.token('urn:e2e:opaque');
    assert.equal((await nginx.get('/post', token)).status, 200);
    assert.equal((await nginx.get('/post', 'nobody-issued-this-one')).status, 401);
  });

  it('a gateway whose secret the issuer refuses: 503, not 200 and not 401', async () => {
    const token = await issuer.token('urn:e2e:opaque');
    const response = await nginx.get('/wrong', token);
    assert.equal(response.status, 503);
    assert.ok(!nginx.log().includes(secret));
    assert.ok(!nginx.log().includes(token));
  });

  it('scope', async () => {
    const poor = await nginx.get('/scope', await issuer.token('urn:e2e:opaque', 'read write'));
    assert.equal(poor.status, 403);
    assert.match(poor.headers['www-authenticate'], /error="insufficient_scope"/);
    assert.match(poor.headers['www-authenticate'], /scope="admin"/);

    const rich = await nginx.get('/scope', await issuer.token('urn:e2e:opaque', 'read admin'));
    assert.equal(rich.status, 200);
  });

  it('claims of the answer arrive upstream, forged headers do not', async () => {
    const token = await issuer.token('urn:e2e:opaque');
    const response = await nginx.get('/claims', token, {
      'X-Token-Client-Id': 'admin',
      'x-token-tenant': 'another',
    });
    assert.equal(response.status, 200);
    assert.equal(response.body, 'app acme clerk');
  });

  it('a revoked token is refused once cache_ttl is over', async () => {
    const token = await issuer.token('urn:e2e:opaque');
    assert.equal((await nginx.get('/short', token)).status, 200);
    await issuer.revoke(token);
    assert.equal((await issuer.introspect(token)).active, false);

    const refused = await until('the revoked token is refused', async () => {
      const response = await nginx.get('/short', token);
      return response.status !== 200 && response;
    });
    assert.equal(refused.status, 401);
    assert.equal(refused.headers['x-status'], 'inactive');
  });

  it('an expired token is refused although cache_ttl is longer', async () => {
    const token = await issuer.token('urn:e2e:opaque:2');
    assert.equal((await nginx.get('/basic', token)).status, 200);
    const refused = await until('the expired token is refused', async () => {
      const response = await nginx.get('/basic', token);
      return response.status !== 200 && response;
    });
    assert.equal(refused.status, 401);
  });

  it('the issuer is down: known tokens pass, others 503 with Retry-After', async () => {
    const known = await issuer.token('urn:e2e:opaque');
    const unseen = await issuer.token('urn:e2e:opaque');
    assert.equal((await nginx.get('/basic', known)).status, 200);
    await issuer.stop();

    const cached = await nginx.get('/basic', known);
    assert.equal(cached.status, 200);
    assert.equal(cached.headers['x-cache'], 'HIT');

    const refused = await nginx.get('/basic', unseen);
    assert.equal(refused.status, 503);
    assert.ok(refused.headers['retry-after']);
    assert.equal((await nginx.get('/basic')).status, 401);
  });
});
