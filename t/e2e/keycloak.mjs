// Keycloak: fetched with Maven once, started for the tests, set up by examples/keycloak.

import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync,
  symlinkSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Child, freePort, request } from './support.mjs';

/** The release that is tested. docs/guides/keycloak.md names it, too. */
export const version = '26.7.3';

const leastJava = 17;
const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';

const project = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'token-introspect');
const kept = join(cache, `keycloak-${version}`);

const run = promisify(execFile);

/** A file of the project. */
export function projectFile(name) {
  return readFileSync(join(project, name), 'utf8');
}

/** Why Keycloak cannot be run on this machine; undefined when it can. */
export function obstacle() {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  if (java.error) {
    return 'there is no java (tools/install test)';
  }
  const found = Number(/version "(\d+)/.exec(java.stderr)?.[1]);
  if (!(found >= leastJava)) {
    return `Keycloak needs Java ${leastJava}, java here is ${found} (tools/install test)`;
  }
  if (!existsSync(kept) && spawnSync('mvn', ['-v']).error) {
    return 'there is no mvn to fetch Keycloak with (tools/install test)';
  }
  return undefined;
}

/** This process's environment, without what would change how Keycloak starts. */
function plainEnvironment(more) {
  const kind = /^(KC_|KEYCLOAK_|QUARKUS_|JAVA$|JAVA_HOME$|JAVA_OPTS|DEBUG)/;
  const plain = Object.entries(process.env).filter(([name]) => !kind.test(name));
  return { ...Object.fromEntries(plain), ...more };
}

/**
 * Starts the Keycloak that is unpacked at `home`, and waits until it answers: { child, port }.
 * `timeout` ends the whole process group, after a time also when nobody is left to ask for it.
 */
async function launch(home, environment, attempts = 3) {
  const port = await freePort();
  const child = new Child();
  child.start('timeout', [
    '--kill-after=10', '1200', join(home, 'bin/kc.sh'), 'start-dev',
    '--http-host=127.0.0.1', `--http-port=${port}`,
  ], {
    cwd: home,
    env: plainEnvironment({ JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx512m', ...environment }),
  });
  try {
    await child.ready('Keycloak', async () => {
      const answer = await request(port, '/realms/master').catch(() => ({}));
      return answer.status === 200;
    }, 300);
  } catch (error) {
    await child.stop('SIGTERM');
    // it listens so late that somebody else may have the port by then
    if (attempts > 1 && /already (in use|bound)/i.test(child.output)) {
      return launch(home, environment, attempts - 1);
    }
    throw new Error(`${error.message}\n${child.output}`);
  }
  return { child, port };
}

/**
 * The directory of an unpacked Keycloak that was started once: the first start builds the server
 * for its options, into the directory, and takes several times as long as the later ones.
 */
async function installation() {
  if (existsSync(kept)) {
    return kept;
  }
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'unpacking.'));
  try {
    await run('mvn', [
      '-q', '-B', `${plugin}:unpack`,
      `-Dartifact=org.keycloak:keycloak-quarkus-dist:${version}:zip`,
      `-DoutputDirectory=${work}`,
    ], { cwd: work, timeout: 900000 }).catch((error) => {
      throw new Error(`Maven could not fetch Keycloak ${version}:\n${error.stdout}${error.stderr}`);
    });
    const unpacked = join(work, `keycloak-${version}`);
    const { child } = await launch(unpacked, {});
    await child.stop('SIGTERM');
    rmSync(join(unpacked, 'data'), { recursive: true, force: true });
    try {
      renameSync(unpacked, kept);
    } catch (error) {
      if (!existsSync(kept)) {
        throw error;
      }
      // another run was quicker
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return kept;
}

const administrator = {
  KC_BOOTSTRAP_ADMIN_USERNAME: 'admin',
  KC_BOOTSTRAP_ADMIN_PASSWORD: randomBytes(16).toString('hex'),
};

/** A Keycloak with data of its own, and in it the realm of examples/keycloak. */
export class Keycloak {
  constructor(directory) {
    this.home = join(directory, 'keycloak');
    this.secretFile = join(directory, 'secrets/client');
    this.user = { username: 'nginx-user', password: randomBytes(16).toString('hex') };
    this.child = new Child();
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  get issuer() {
    return `${this.url}/realms/nginx`;
  }

  get introspectionEndpoint() {
    return `${this.issuer}/protocol/openid-connect/token/introspect`;
  }

  get secret() {
    return readFileSync(this.secretFile, 'utf8').trim();
  }

  async start() {
    const source = await installation();
    // kc.sh takes the directory that it lies in for Keycloak's own: data goes there.
    mkdirSync(this.home);
    cpSync(join(source, 'bin'), join(this.home, 'bin'), { recursive: true });
    for (const name of ['conf', 'lib', 'providers', 'themes']) {
      symlinkSync(join(source, name), join(this.home, name));
    }
    ({ child: this.child, port: this.port } = await launch(this.home, administrator));
  }

  stop() {
    return this.child.stop('SIGTERM');
  }

  /** What a reader of the guide does. */
  async configure() {
    await run(join(project, 'examples/keycloak/configure-realm'), [this.secretFile], {
      env: plainEnvironment({
        ...administrator,
        KEYCLOAK_HOME: this.home,
        KEYCLOAK_URL: this.url,
        USER_PASSWORD: this.user.password,
      }),
      timeout: 180000,
    });
    chmodSync(dirname(this.secretFile), 0o755);
    chmodSync(this.secretFile, 0o644);
  }

  async #post(realm, endpoint, form, client) {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    if (client) {
      const credentials = Buffer.from(`${client.id}:${client.secret}`).toString('base64');
      headers.authorization = `Basic ${credentials}`;
    }
    const answer = await request(
      this.port, `/realms/${realm}/protocol/openid-connect/${endpoint}`,
      { method: 'POST', headers, body: new URLSearchParams(form).toString() },
    );
    if (answer.status !== 200) {
      throw new Error(`${endpoint}: ${answer.status} ${answer.body}`);
    }
    return answer.body && JSON.parse(answer.body);
  }

  get #client() {
    return { id: 'nginx-plus', secret: this.secret };
  }

  /** A new session of the user: { access_token, id_token, refresh_token, ... } */
  login() {
    const form = { grant_type: 'password', scope: 'openid', ...this.user };
    return this.#post('nginx', 'token', form, this.#client);
  }

  /** The access token of a new session of the user. */
  async token() {
    return (await this.login()).access_token;
  }

  introspect(token) {
    return this.#post('nginx', 'token/introspect', { token }, this.#client);
  }

  /** RFC 7009 */
  revoke(token) {
    return this.#post('nginx', 'revoke', { token }, this.#client);
  }

  /** Keycloak's admin REST API, for the realm: `path` begins behind its name. */
  async admin(method, path, body) {
    const { access_token: token } = await this.#post('master', 'token', {
      grant_type: 'password',
      client_id: 'admin-cli',
      username: administrator.KC_BOOTSTRAP_ADMIN_USERNAME,
      password: administrator.KC_BOOTSTRAP_ADMIN_PASSWORD,
    });
    const answer = await request(this.port, `/admin/realms/nginx${path}`, {
      method,
      headers: { 'authorization': `Bearer ${token}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    if (answer.status >= 300) {
      throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
    }
    return answer.body && JSON.parse(answer.body);
  }

  /** The id of a new confidential client. */
  async addClient(clientId, secret, more = {}) {
    await this.admin('POST', '/clients', {
      clientId, secret, publicClient: false, standardFlowEnabled: false, ...more,
    });
    const [{ id }] = await this.admin('GET', `/clients?clientId=${clientId}`);
    return id;
  }

  /** Puts `audience` into the tokens that are issued to a client. */
  addAudience(id, audience) {
    return this.admin('POST', `/clients/${id}/protocol-mappers/models`, {
      name: `audience-${audience}`,
      protocol: 'openid-connect',
      protocolMapper: 'oidc-audience-mapper',
      config: {
        'included.client.audience': audience,
        'access.token.claim': 'true',
        'introspection.token.claim': 'true',
      },
    });
  }

  /** Has Keycloak write down who asks it about tokens, so that introspections() can count. */
  rememberIntrospections() {
    return this.admin('PUT', '/events/config', {
      eventsEnabled: true,
      enabledEventTypes: ['INTROSPECT_TOKEN', 'INTROSPECT_TOKEN_ERROR'],
    });
  }

  async introspections() {
    const events = await this.admin(
      'GET', '/events?type=INTROSPECT_TOKEN&type=INTROSPECT_TOKEN_ERROR&max=10000',
    );
    return events.length;
  }

  /** The one that signs comes first. */
  async #signingKeys() {
    const all = await this.admin('GET', '/components?type=org.keycloak.keys.KeyProvider');
    return all.filter(({ providerId }) => providerId === 'rsa-generated')
      .sort((a, b) => Number(b.config.priority[0]) - Number(a.config.priority[0]));
  }

  /** A new key signs from now on; the old ones stay published. */
  async addSigningKey() {
    const [current] = await this.#signingKeys();
    const priority = Number(current.config.priority[0]) + 100;
    await this.admin('POST', '/components', {
      name: `rsa-${priority}`,
      providerId: 'rsa-generated',
      providerType: 'org.keycloak.keys.KeyProvider',
      config: { priority: [String(priority)], algorithm: ['RS256'], keySize: ['2048'] },
    });
  }

  /** Only the key that signs now stays. */
  async removeOldSigningKeys() {
    for (const { id } of (await this.#signingKeys()).slice(1)) {
      await this.admin('DELETE', `/components/${id}`);
    }
  }
}
