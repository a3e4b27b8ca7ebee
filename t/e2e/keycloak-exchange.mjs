// Keycloak's standard token exchange, asked by the gateway for the upstream: part of
// keycloak.test.mjs, so that one Keycloak serves both.

import assert from 'node:assert/strict';
import { it } from 'node:test';

const secret = 'what only the gateway knows';

/** In the realm: a client that may exchange users' tokens for the service `orders`. */
export async function prepareExchange(keycloak) {
  const [{ id: users }] = await keycloak.admin('GET', '/clients?clientId=nginx-plus');
  const gateway = await keycloak.addClient('gateway', secret, {
    serviceAccountsEnabled: true,
    attributes: { 'standard.token.exchange.enabled': 'true' },
  });
  await keycloak.addClient('orders', 'what only orders knows');
  await keycloak.addClient('stranger-to-exchange', secret);
  for (const [id, audience] of [
    [users, 'gateway'], [users, 'stranger-to-exchange'], [gateway, 'orders'],
  ]) {
    await keycloak.addAudience(id, audience);
  }
}

/** For http{}: the exchangers that exchangeLocations() uses. */
export function exchangers(keycloak) {
  const asking = (client) => `
        token_endpoint ${keycloak.issuer}/protocol/openid-connect/token;
        client_id ${client};
        client_secret "${secret}";`;
  return `
    token_exchanger orders { ${asking('gateway')} audience orders; }
    token_exchanger narrow { ${asking('gateway')} client_auth post; audience orders; scope email; }
    token_exchanger nowhere { ${asking('gateway')} audience nowhere; }
    token_exchanger refused { ${asking('stranger-to-exchange')} audience orders; }
    token_exchanger service { ${asking('gateway')} grant client_credentials; }
`;
}

/** For server{}; `upstream` is a directive. */
export function exchangeLocations(upstream) {
  return ['orders', 'narrow', 'nowhere', 'refused'].map((name) => `
        location /exchange/${name} { token_introspect keys; token_exchange ${name}; ${upstream} }`)
    .concat(`
        location /exchange/service { token_exchange service; ${upstream} }`).join('');
}

const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString());

/** `parties()` gives { keycloak, nginx } of a started test. */
export function exchangeTests(parties) {
  const forwarded = (response) => {
    assert.equal(response.status, 200, `${response.status} ${response.headers['x-status']}`);
    return /^Bearer (\S+)$/.exec(JSON.parse(response.body).headers.authorization)[1];
  };

  it('the upstream gets a token for it, of the same user', async () => {
    const { keycloak, nginx } = parties();
    const token = await keycloak.token();
    const first = forwarded(await nginx.get('/exchange/orders', token));
    assert.notEqual(first, token);
    const { iss, aud, azp, sub, typ } = claimsOf(first);
    assert.deepEqual([iss, aud, azp, typ], [keycloak.issuer, 'orders', 'gateway', 'Bearer']);
    assert.equal(sub, claimsOf(token).sub);
    assert.equal(forwarded(await nginx.get('/exchange/orders', token)), first, 'it is kept');
    assert.notEqual(
      forwarded(await nginx.get('/exchange/orders', await keycloak.token())), first, 'another one',
    );
  });

  it('client_secret_post, and a narrower scope', async () => {
    const { keycloak, nginx } = parties();
    const token = forwarded(await nginx.get('/exchange/narrow', await keycloak.token()));
    const { aud, scope } = claimsOf(token);
    assert.equal(aud, 'orders');
    assert.ok(scope.split(' ').includes('email'));
    assert.ok(!scope.split(' ').includes('openid'));
  });

  it('a token of its own, without a user', async () => {
    const { nginx } = parties();
    const token = forwarded(await nginx.get('/exchange/service'));
    assert.equal(claimsOf(token).azp, 'gateway');
    assert.equal(forwarded(await nginx.get('/exchange/service')), token, 'it is kept');
  });

  for (const [name, what, status, word] of [
    ['nowhere', 'there is no such service', 503, 'issuer_status'],
    ['refused', 'the client may not exchange', 403, 'exchange_refused'],
  ]) {
    it(`${what}: ${status}, and nothing goes upstream`, async () => {
      const { keycloak, nginx } = parties();
      const token = await keycloak.token();
      const response = await nginx.get(`/exchange/${name}`, token);
      assert.deepEqual([response.status, response.headers['x-status']], [status, word]);
      assert.ok(!nginx.log().includes(token) && !nginx.log().includes(secret));
    });
  }

  it('a token that is not good is not exchanged', async () => {
    const { nginx } = parties();
    assert.equal((await nginx.get('/exchange/orders', 'nobody-issued-this-one')).status, 401);
    assert.equal((await nginx.get('/exchange/orders')).status, 401);
  });
}
