// Token exchange (RFC 8693) for the authorization server of the tests, which has none by itself.
//
// Subject tokens are opaque access tokens of this server. What is issued keeps their subject, is for
// the resource that is asked for, and names the client that exchanged as its actor. Every request
// has to look like one that real servers accept, so parameters are checked more than the tests need.

import { errors } from 'oidc-provider';

export const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';

const parameters = [
  'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type',
  'resource', 'audience', 'scope',
];

function demand(parameter, value, expected) {
  if (value !== expected) {
    throw new errors.InvalidRequest(`${parameter}: ${value ?? 'missing'}`);
  }
}

/** Registers the grant. `info(resource)` describes the resource server, or throws. */
export function registerTokenExchange(provider, info) {
  async function handler(ctx, next) {
    const { client, params } = ctx.oidc;
    const { AccessToken, ClientCredentials, ResourceServer } = provider;

    demand('subject_token_type', params.subject_token_type, accessTokenType);
    if (params.requested_token_type !== undefined) {
      demand('requested_token_type', params.requested_token_type, accessTokenType);
    }
    if ((params.actor_token === undefined) !== (params.actor_token_type === undefined)) {
      throw new errors.InvalidRequest('actor_token and actor_token_type belong together');
    }

    const find = async (value) => (
      value && (await AccessToken.find(value) ?? await ClientCredentials.find(value))
    );
    const subject = await find(params.subject_token);
    if (!subject?.isValid) {
      throw new errors.InvalidRequest('subject_token is not valid');
    }
    const actor = params.actor_token === undefined ? undefined : await find(params.actor_token);
    if (params.actor_token !== undefined && !actor?.isValid) {
      throw new errors.InvalidRequest('actor_token is not valid');
    }

    const asked = params.scope?.split(' ');
    const had = subject.scope?.split(' ') ?? [];
    if (asked?.some((scope) => !had.includes(scope))) {
      throw new errors.InvalidScope('more than the subject token has', params.scope);
    }

    const resource = params.resource ?? params.audience;
    if (resource === undefined || Array.isArray(resource)) {
      throw new errors.InvalidTarget();
    }

    const token = new AccessToken({
      client,
      accountId: subject.accountId ?? subject.clientId,
      scope: (asked ?? had).join(' ') || undefined,
      gty: 'token_exchange',
    });
    token.resourceServer = new ResourceServer(resource, info(resource));
    token.act = { sub: actor ? actor.accountId ?? actor.clientId : client.clientId };
    ctx.oidc.entity('AccessToken', token);

    ctx.body = {
      access_token: await token.save(),
      issued_token_type: accessTokenType,
      token_type: token.tokenType,
      expires_in: token.expiration,
      scope: token.scope,
    };
    await next();
  }

  provider.registerGrantType(tokenExchange, handler, parameters, ['audience', 'resource']);
}
