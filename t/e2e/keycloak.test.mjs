// Keycloak as the authorization server: the configuration of the guide, and what it leaves out.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { exchangeLocations, exchangeTests, exchangers, prepareExchange } from './keycloak-exchange.mjs';
import { Keycloak, obstacle, projectFile, version } from './keycloak.mjs';
import { Nginx, freePort, request, until, workDirectory } from './support.mjs';

const skip = obstacle();
if (skip) {
  console.error(`NOT TESTED: nginx with Keycloak, because ${skip}`);
}

const unauthorized = { message: 'Unauthorized', status: '401' };
const forbidden = { message: 'Forbidden', status: '403' };

/** Without its signature's truth: the last character but one is another one. */
function tampered(token) {
  const at = token.length - 2;
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

/** What a JWT says. */
function claimsOf(token) {
  return JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
}

/** The lines that an example's application answers with. */
function received({ body }) {
  return Object.fromEntries(body.split('\n').slice(1).filter(Boolean).map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
}

/** An application that answers with what it was sent. */
async function startApplication() {
  const application = http.createServer((incoming, answer) => {
    const chunks = [];
    incoming.on('data', (chunk) => chunks.push(chunk));
    incoming.on('end', () => answer.end(JSON.stringify({
      method: incoming.method,
      target: incoming.url,
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString(),
    })));
  });
  await new Promise((done) => { application.listen(0, '127.0.0.1', done); });
  return application;
}

/** What stands in the http block of the guide's configuration, for this machine. */
function exampleFor(keycloak, ports) {
  return projectFile('examples/keycloak/nginx.conf')
    .replace(/^[^]*?^http \{\n/m, '').replace(/^\}\s*$(?![^]*^\})/m, '')
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${keycloak.port}`)
    .replaceAll('127.0.0.1:8081', `127.0.0.1:${ports.application}`)
    .replaceAll('127.0.0.1:8000', `127.0.0.1:${ports.gateway}`)
    .replace('secrets/client', keycloak.secretFile);
}

/** The conditions that are tried one by one, each with the status it leads to. */
const requirements = [
  ['realm_access.roles array nginx-keycloak-role', 200, 'a role of the realm that the user has'],
  ['realm_access.roles array nginx-other-role', 403, 'one that the user does not have'],
  ['realm_access.roles any nginx-other-role nginx-keycloak-role', 200, 'one of two roles'],
  ['scope string "profile openid" delimiter=SPACE', 200, 'scopes in any order'],
  ['scope string "openid admin" delimiter=SPACE', 403, 'a scope too many'],
  ['scope string "openid+email" delimiter=PLUS', 403, 'another delimiter'],
  ['email_verified boolean false', 200, 'a boolean'],
  ['email_verified boolean true', 403, 'the other one'],
  ['aud string account', 200, 'a string among the audiences'],
  ['aud string Account', 403, 'case matters'],
  ['acr integer 1', 200, 'a number that Keycloak sends as a string'],
  ['acr integer 2', 403, 'another number'],
  ['no_such_claim exists', 403, 'a claim that is not there'],
];

describe('Keycloak', { skip }, () => {
  const directory = workDirectory();
  let keycloak;
  let application;
  let nginx;
  let gateway;
  const newLines = (since) => nginx.log().slice(since).split('\n');

  const start = async () => {
    keycloak = new Keycloak(directory.path);
    await keycloak.start();
    await keycloak.configure();
    await keycloak.rememberIntrospections();
    await keycloak.addClient('stranger', 'the secret of a stranger');

    await prepareExchange(keycloak);

    application = await startApplication();
    nginx = new Nginx(directory.path, await freePort());
    gateway = await freePort();
    const wrong = join(directory.path, 'secrets/wrong');
    writeFileSync(wrong, 'not what Keycloak has made\n');

    const ask = `introspection_endpoint ${keycloak.introspectionEndpoint}; client_id nginx-plus;`;
    const asked = `${ask} client_secret_file ${keycloak.secretFile};`;
    const own = `issuer ${keycloak.issuer}; audience nginx-plus;`;
    const certs = `jwks_uri ${keycloak.issuer}/protocol/openid-connect/certs;`;
    const up = `proxy_pass http://127.0.0.1:${application.address().port};`;
    await nginx.start({
      http: `
    ${exampleFor(keycloak, { gateway, application: await freePort() })}
    token_introspector asked { ${asked} }
    token_introspector asked_often { ${asked} cache_ttl 2s; }
    token_introspector asked_always { ${asked} cache_ttl off; }
    token_introspector wrong { ${ask} client_secret_file ${wrong}; }
    token_introspector stranger {
        introspection_endpoint ${keycloak.introspectionEndpoint};
        client_id stranger;
        client_secret "the secret of a stranger";
    }
    token_introspector discovered { ${own} discovery on; }
    token_introspector keys { ${own} ${certs} }
    token_introspector keys_often { ${own} ${certs} cache_ttl 2s; }
    token_introspector elsewhere { issuer ${keycloak.issuer}; audience elsewhere; ${certs} }
    ${exchangers(keycloak)}
`,
      server: `
        add_header X-Status $token_status always;
        add_header X-Cache $token_cache_status always;
        token_forward_claims default;
        location /asked { token_introspect asked; ${up} }
        location /often { token_introspect asked_often; ${up} }
        location /always { token_introspect asked_always; ${up} }
        location /wrong { token_introspect wrong; ${up} }
        location /wrong-acm { token_introspect wrong; token_error_code no_match=403; ${up} }
        location /stranger { token_introspect stranger; ${up} }
        location /discovered { token_introspect discovered; ${up} }
        location /keys { token_introspect keys; ${up} }
        location /keys-often { token_introspect keys_often; ${up} }
        location /elsewhere { token_introspect elsewhere; ${up} }
        ${exchangeLocations(up)}
${requirements.map(([condition], i) => `
        location = /require/${i} {
            token_introspect asked;
            token_require_claim ${condition};
            ${up}
        }`).join('')}
`,
    });
  };

  const stop = async () => {
    await nginx?.stop();
    application?.close();
    await keycloak?.stop();
    directory.remove();
  };

  before(async () => {
    try {
      await start();
    } catch (error) {
      await stop(); // node 18 does not call after() then, and waits for the processes
      throw error;
    }
  });

  after(stop);

  describe("the guide's configuration", () => {
    const get = (path, token, headers = {}) => request(gateway, path, {
      headers: token === undefined ? headers : { authorization: `Bearer ${token}`, ...headers },
    });

    const refused = (response, body, what) => {
      assert.equal(response.status, Number(body.status), what);
      assert.match(response.headers['content-type'], /^application\/json/, what);
      assert.deepEqual(JSON.parse(response.body), body, what);
    };

    it('no token: 401 in JSON (B88)', async () => {
      refused(await get('/'), unauthorized);
    });

    it("the user's token passes, with exp, scope and username (B89, B96, B99, B106)", async () => {
      const token = await keycloak.token();
      const { exp, scope } = await keycloak.introspect(token);
      const response = await get('/my/test/api?a=b', token);
      assert.equal(response.status, 200);
      assert.match(response.body, /^GET \/my\/test\/api\?a=b\n/);
      const headers = received(response);
      assert.equal(headers['x-token-exp'], String(exp));
      assert.equal(headers['x-token-scope'], scope);
      assert.equal(headers['x-token-username'], 'nginx-user');
      assert.equal(headers.authorization, '');
    });

    it('unknown and tampered tokens, and others than Bearer (B90, B92)', async () => {
      const token = await keycloak.token();
      refused(await get('/', 'nobody-issued-this-one'), forbidden, 'unknown');
      refused(await get('/', tampered(token)), forbidden, 'tampered');
      refused(await get('/', undefined, { authorization: token }), unauthorized, 'no Bearer');
    });

    it('an ID token and a refresh token are no access tokens', async () => {
      const { access_token: access, id_token: id, refresh_token: refresh } = await keycloak.login();
      for (const path of ['/', '/role/', '/keys/']) {
        assert.equal((await get(path, access)).status, 200, path);
        refused(await get(path, id), forbidden, `${path} with the ID token`);
        refused(await get(path, refresh), forbidden, `${path} with the refresh token`);
      }
    });

    it('the token in another header (B93, B94, B97)', async () => {
      const token = await keycloak.token();
      const response = await get('/header/', undefined, { apiAccessToken: token });
      assert.equal(response.status, 200);
      assert.equal(received(response).apiaccesstoken, '');
      refused(await get('/header/', undefined, { apiAccessToken: `Bearer ${token}` }), forbidden);
    });

    it('the token as an argument (B95, B98)', async () => {
      const token = await keycloak.token();
      const response = await get(`/query/?a=b&queryAuthz=${token}&c=d`);
      assert.equal(response.status, 200);
      assert.match(response.body, /^GET \/query\/\?a=b&c=d\n/);
    });

    it('claims of its own choice, nested ones too (B107, B108, B109, B110, B111)', async () => {
      const token = await keycloak.token();
      const claims = await keycloak.introspect(token);
      const headers = received(await get('/claims/', token));
      assert.equal(headers['x-token-client-id'], 'nginx-plus');
      assert.equal(headers['x-token-iss'], keycloak.issuer);
      assert.equal(headers['x-token-realm-access-roles'], claims.realm_access.roles[0]);
      assert.equal(
        headers['x-token-resource-access-account-roles'],
        claims.resource_access.account.roles[0],
      );
      assert.equal(headers['x-token-fake-claim'], '');
    });

    it('headers that the client forged do not arrive (B112)', async () => {
      const headers = received(await get('/claims/', await keycloak.token(), {
        'X-Token-Username': 'admin',
        'x-token-fake-claim': 'forged',
        'X_Token_Realm_Access_Roles': 'admin',
      }));
      assert.equal(headers['x-token-username'], 'nginx-user');
      assert.equal(headers['x-token-fake-claim'], '');
      assert.notEqual(headers['x-token-realm-access-roles'], 'admin');
    });

    it('a role of the realm, and an address verified later (B118, B121, B122)', async () => {
      const token = await keycloak.token();
      assert.equal((await get('/role/', token)).status, 200);
      refused(await get('/verified/', token), forbidden);

      const [user] = await keycloak.admin('GET', '/users?username=nginx-user&exact=true');
      await keycloak.admin('PUT', `/users/${user.id}`, { ...user, emailVerified: true });
      assert.equal((await get('/verified/', await keycloak.token())).status, 200);
      await keycloak.admin('PUT', `/users/${user.id}`, { ...user, emailVerified: false });
    });

    it('other statuses (B124, B125)', async () => {
      refused(await get('/statuses/'), { message: 'Gone', status: '410' });
      refused(
        await get('/statuses/', 'nobody-issued-this-one'),
        { message: "I'm a teapot", status: '418' },
      );
    });

    it('with the keys of the realm, Keycloak is not asked (B46)', async () => {
      const token = await keycloak.token();
      const before = await keycloak.introspections();
      const response = await get('/keys/', token);
      assert.equal(response.status, 200);
      assert.equal(received(response)['x-token-scope'], claimsOf(token).scope);
      refused(await get('/keys/', tampered(token)), forbidden);
      assert.equal(await keycloak.introspections(), before);
    });
  });

  describe('introspection', () => {
    it('Keycloak is asked once for each token (B101, B104)', async () => {
      const [one, other] = [await keycloak.token(), await keycloak.token()];
      const before = await keycloak.introspections();
      for (let i = 0; i < 5; i += 1) {
        assert.equal((await nginx.get('/asked', one)).status, 200);
        assert.equal((await nginx.get('/asked', other)).status, 200);
      }
      assert.equal(await keycloak.introspections(), before + 2);
    });

    it('without a cache, Keycloak is asked for each request (B103)', async () => {
      const token = await keycloak.token();
      const before = await keycloak.introspections();
      for (let i = 0; i < 3; i += 1) {
        assert.equal((await nginx.get('/always', token)).status, 200);
      }
      assert.equal(await keycloak.introspections(), before + 3);
    });

    it('an unknown and a tampered token: 401 invalid_token', async () => {
      const token = await keycloak.token();
      for (const bad of ['nobody-issued-this-one', tampered(token)]) {
        const response = await nginx.get('/asked', bad);
        assert.equal(response.status, 401);
        assert.equal(response.headers['x-status'], 'inactive');
        assert.match(response.headers['www-authenticate'], /error="invalid_token"/);
      }
    });

    it('method, body and other headers arrive as they were sent (B134)', async () => {
      const response = await request(nginx.port, '/asked/my/test/api?x=%20y', {
        method: 'POST',
        headers: {
          'authorization': `Bearer ${await keycloak.token()}`,
          'content-type': 'application/json',
          'x-nginx-test': 'true',
          'x-token-username': 'admin',
          'x-token-other': 'stays',
        },
        body: '{"testKey":"testValue"}',
      });
      const arrived = JSON.parse(response.body);
      assert.equal(arrived.method, 'POST');
      assert.equal(arrived.target, '/asked/my/test/api?x=%20y');
      assert.equal(arrived.body, '{"testKey":"testValue"}');
      assert.equal(arrived.headers['content-type'], 'application/json');
      assert.equal(arrived.headers['x-nginx-test'], 'true');
      assert.equal(arrived.headers['x-token-username'], 'nginx-user');
      assert.equal(arrived.headers['x-token-other'], 'stays');
      assert.equal(arrived.headers.authorization, undefined);
    });

    it("a client that is not in the token's audience hears that it is inactive", async () => {
      const response = await nginx.get('/stranger', await keycloak.token());
      assert.equal(response.status, 401);
      assert.equal(response.headers['x-status'], 'inactive');
    });

    for (const [path, status] of [['/wrong', 503], ['/wrong-acm', 403]]) {
      it(`with a wrong client secret: ${status}, and the log says why once (B91)`, async () => {
        const token = await keycloak.token();
        const before = nginx.log().length;
        const response = await nginx.get(path, token);
        assert.equal(response.status, status);
        assert.equal(response.headers['x-status'], 'issuer_status');
        const lines = newLines(before).filter((line) => /refused/.test(line));
        assert.equal(lines.length, 1, lines.join('\n'));
        assert.match(lines[0], /\[error\].*reason: issuer_status, introspector: wrong,/);
        assert.ok(!nginx.log().includes(token) && !nginx.log().includes(keycloak.secret));
      });
    }
  });

  describe('claims (B113 to B123)', () => {
    requirements.forEach(([condition, status, what], i) => {
      it(`${condition}: ${status}, ${what}`, async () => {
        const before = nginx.log().length;
        const response = await nginx.get(`/require/${i}`, await keycloak.token());
        assert.equal(response.status, status);
        if (status === 403) {
          const line = newLines(before).find((text) => /claim_refused/.test(text));
          assert.ok(line.includes(`by: ${condition.split(' ')[0]}`), line);
          assert.doesNotMatch(line, /nginx-keycloak-role|openid|nginx-user/);
        }
      });
    });
  });

  for (const [event, end] of [
    ['a logout', async (token, { sid }) => keycloak.admin('DELETE', `/sessions/${sid}`)],
    ['a revocation (RFC 7009)', async (token) => keycloak.revoke(token)],
  ]) {
    it(`${event} is noticed when the cache's time is over (B102)`, async () => {
      const token = await keycloak.token();
      for (const path of ['/asked', '/often', '/always', '/keys']) {
        assert.equal((await nginx.get(path, token)).status, 200, path);
      }
      await end(token, await keycloak.introspect(token));
      assert.equal((await keycloak.introspect(token)).active, false);

      const refused = await until('the token is refused', async () => {
        const response = await nginx.get('/often', token);
        return response.status !== 200 && response;
      });
      assert.equal(refused.status, 401);
      assert.equal(refused.headers['x-status'], 'inactive');
      assert.equal((await nginx.get('/always', token)).status, 401);

      // remembered for five minutes, and for as long as the signature is good
      const remembered = await nginx.get('/asked', token);
      assert.equal(remembered.status, 200);
      assert.equal(remembered.headers['x-cache'], 'HIT');
      assert.equal((await nginx.get('/keys', token)).status, 200);
    });
  }

  describe('token exchange', () => exchangeTests(() => ({ keycloak, nginx })));

  describe("the realm's keys", () => {
    for (const path of ['/keys', '/discovered']) {
      it(`${path.slice(1)}: a token passes, and Keycloak is not asked (B46)`, async () => {
        const token = await keycloak.token();
        const before = await keycloak.introspections();
        const response = await nginx.get(path, token);
        assert.equal(response.status, 200);
        assert.equal(response.headers['x-status'], 'active');
        const { headers } = JSON.parse(response.body);
        assert.equal(headers['x-token-scope'], claimsOf(token).scope);
        assert.equal(headers.authorization, undefined);
        assert.equal(await keycloak.introspections(), before);
      });
    }

    it('a tampered token, and one for another audience: 401 invalid_token', async () => {
      const token = await keycloak.token();
      const forged = await nginx.get('/keys', tampered(token));
      assert.equal(forged.status, 401);
      assert.equal(forged.headers['x-status'], 'bad_signature');
      assert.match(forged.headers['www-authenticate'], /error="invalid_token"/);

      const misplaced = await nginx.get('/elsewhere', token);
      assert.equal(misplaced.status, 401);
      assert.equal(misplaced.headers['x-status'], 'wrong_audience');
    });

    it('rotation: both keys count, then only the new one (B49, B54, B55)', async () => {
      const passes = (path, token) => until(`${path} accepts`, async () => (
        (await nginx.get(path, token)).status === 200
      ));
      const paths = ['/keys', '/discovered', '/keys-often'];
      const old = await keycloak.token();
      for (const path of paths) {
        await passes(path, old);
      }

      await keycloak.addSigningKey();
      const fresh = await keycloak.token();
      assert.notEqual(fresh.split('.')[0], old.split('.')[0], 'another kid');
      for (const path of paths) {
        await passes(path, fresh);
        assert.equal((await nginx.get(path, old)).status, 200, `${path}: the old key still counts`);
      }

      await keycloak.removeOldSigningKeys();
      const refused = await until('the old key is given up', async () => {
        const response = await nginx.get('/keys-often', old);
        return response.status !== 200 && response;
      });
      assert.equal(refused.status, 401);
      assert.match(refused.headers['www-authenticate'], /error="invalid_token"/);
      assert.equal((await nginx.get('/keys-often', fresh)).status, 200);

      // Where the set is kept for longer, the next unknown key renews it.
      assert.equal((await nginx.get('/keys', old)).status, 200);
      await keycloak.addSigningKey();
      const fresher = await keycloak.token();
      for (const path of ['/keys', '/discovered']) {
        await passes(path, fresher);
        assert.equal((await nginx.get(path, fresh)).status, 200);
        assert.equal((await nginx.get(path, old)).status, 401);
      }
    });
  });
});

describe("Keycloak's guide", () => {
  const guide = projectFile('docs/guides/keycloak.md');

  for (const name of ['keycloak', 'token-exchange']) {
    it(`${name}.md names the release that is tested`, () => {
      const text = projectFile(`docs/guides/${name}.md`);
      const named = [...text.matchAll(/(?:Keycloak |VERSION=)(\d+\.\d+\.\d+)/g)];
      assert.deepEqual([...new Set(named.map(([, release]) => release))], [version]);
    });
  }

  it('gives the commands of configure-realm', () => {
    const commands = (text) => text.replace(/\\\n\s*/g, '').split('\n').map((line) => line.trim())
      .filter((line) => /\bkcadm (create|add-roles|set-password|get)\b/.test(line));
    const given = commands(guide);
    for (const command of commands(projectFile('examples/keycloak/configure-realm'))) {
      assert.ok(given.some((line) => line.startsWith(command.replace(/>.*/, ''))), command);
    }
  });
});
