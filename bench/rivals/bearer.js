// What nginx does with a Bearer token when its rules are written in njs.

const ISSUER = 'https://idp.example.com';
const AUDIENCE = 'https://api.example.com';

function current(claims) {
    const now = Date.now() / 1000;
    return claims.iss === ISSUER && claims.exp > now && !(claims.nbf > now);
}

async function introspected(r) {
    const reply = await r.subrequest('/_introspect');
    if (reply.status !== 200) {
        r.return(500);
        return;
    }
    const answer = JSON.parse(reply.responseText);
    r.return(answer.active === true && current(answer) ? 204 : 401);
}

async function verified(r) {
    const parts = r.variables.bearer.split('.');
    const header = JSON.parse(Buffer.from(parts[0], 'base64url'));
    const claims = JSON.parse(Buffer.from(parts[1], 'base64url'));
    if (header.alg !== 'RS256' || !current(claims) || !claims.aud.includes(AUDIENCE)) {
        r.return(401);
        return;
    }
    const algorithm = {name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256'};
    const key = await crypto.subtle.importKey(
        'spki', Buffer.from(r.variables.spki, 'base64'), algorithm, false, ['verify']);
    const good = await crypto.subtle.verify(
        algorithm, key, Buffer.from(parts[2], 'base64url'), `${parts[0]}.${parts[1]}`);
    r.return(good ? 204 : 401);
}

export default {introspected, verified};
