// What the tests share: keys, the issuer's and nginx's processes, requests.

import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import {
  chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync,
} from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');

export const module = process.env.MODULE
  ?? join(root, 'build/ngx_http_token_introspect_module.so');
const nginxBinary = process.env.TEST_NGINX_BINARY ?? '/usr/sbin/nginx';

/** A directory that nginx's workers can enter, removed unless KEEP is set. */
export function workDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'token-introspect-e2e.'));
  chmodSync(directory, 0o755);
  return {
    path: directory,
    remove() {
      if (process.env.KEEP) {
        console.error(`kept: ${directory}`);
      } else {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  };
}

/** A port nobody listens on. */
export function freePort() {
  return new Promise((done, failed) => {
    const server = net.createServer();
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Asks `attempt` again until it returns something true. */
export async function until(what, attempt, seconds = 60) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const result = await attempt();
    if (result) {
      return result;
    }
    if (Date.now() > deadline) {
      throw new Error(`not within ${seconds} s: ${what}`);
    }
    await new Promise((done) => { setTimeout(done, 50); });
  }
}

const generators = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

/** A private JWK for an algorithm; with a `name` as its kid. */
export function makeKey(algorithm, name = randomUUID()) {
  const { privateKey } = generators[algorithm]();
  return { ...privateKey.export({ format: 'jwk' }), kid: name, alg: algorithm, use: 'sig' };
}

/** One HTTP request; never throws for a status. */
export function request(port, path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((done, failed) => {
    const outgoing = http.request({
      host: '127.0.0.1', port, path, method, headers, agent: false, timeout: 20000,
    }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', failed);
      response.on('end', () => done({
        status: response.statusCode,
        headers: response.headers,
        body: Buffer.concat(chunks).toString(),
      }));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer: ${path}`)));
    outgoing.on('error', failed);
    outgoing.end(body);
  });
}

/** The client that tokens are issued to. */
export const application = {
  client_id: 'app',
  client_secret: 'a client secret of sufficient length',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
};

/** A client that only introspects. */
export function resourceServer(name, method, rest) {
  return {
    client_id: name,
    token_endpoint_auth_method: method,
    grant_types: [],
    redirect_uris: [],
    response_types: [],
    ...rest,
  };
}

function listens(port) {
  return new Promise((done) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => { socket.destroy(); done(true); });
    socket.once('error', () => done(false));
  });
}

const children = new Set();

// Whoever interrupts the tests leaves no process behind.
process.on('exit', () => children.forEach((child) => child.kill('SIGTERM')));
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) {
  process.once(signal, () => process.exit(1));
}

/** A child process whose end can be awaited. */
export class Child {
  start(command, args, options = {}) {
    this.process = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    this.output = '';
    this.process.stdout.on('data', (text) => { this.output += text; });
    this.process.stderr.on('data', (text) => { this.output += text; });
    this.ended = new Promise((done) => {
      this.process.once('exit', (code, signal) => done({ code, signal }));
      this.process.once('error', (error) => {
        this.output += error;
        done({ code: -1 });
      });
    });
    this.running = true;
    children.add(this.process);
    this.ended.then(() => {
      this.running = false;
      children.delete(this.process);
    });
  }

  async ready(what, condition, seconds) {
    await until(what, async () => {
      if (!this.running) {
        throw new Error(`${what}: ended at once:\n${this.output}`);
      }
      return condition();
    }, seconds);
  }

  async stop(signal) {
    if (this.process && this.running) {
      this.process.kill(signal);
      await this.ended;
    }
  }
}

/** The authorization server. */
export class Issuer {
  constructor(directory, port, clients) {
    this.directory = directory;
    this.port = port;
    this.clients = clients;
    this.child = new Child();
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(keys) {
    const settings = join(this.directory, `issuer-${this.port}.json`);
    writeFileSync(settings, JSON.stringify({ keys, clients: this.clients }), { mode: 0o600 });
    this.child = new Child();
    this.child.start(process.execPath, [join(here, 'issuer.mjs'), String(this.port), settings]);
    await this.child.ready('the issuer', () => this.child.output.includes('ready'));
  }

  stop() {
    return this.child.stop('SIGTERM');
  }

  #post(path, client, parameters) {
    const credentials = Buffer.from(`${client.client_id}:${client.client_secret}`);
    return request(this.port, path, {
      method: 'POST',
      headers: {
        'authorization': `Basic ${credentials.toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams(parameters).toString(),
    });
  }

  async token(resource, scope = 'read write') {
    const response = await this.#post('/token', this.clients[0], {
      grant_type: 'client_credentials', resource, scope,
    });
    if (response.status !== 200) {
      throw new Error(`token: ${response.status} ${response.body}`);
    }
    return JSON.parse(response.body).access_token;
  }

  async introspect(token) {
    const response = await this.#post('/token/introspection', this.clients[0], { token });
    return JSON.parse(response.body);
  }

  async revoke(token) {
    const response = await this.#post('/token/revocation', this.clients[0], { token });
    if (response.status !== 200) {
      throw new Error(`revocation: ${response.status} ${response.body}`);
    }
  }

  async counts() {
    return JSON.parse((await request(this.port, '/e2e/counts')).body);
  }
}

/** nginx with the module. */
export class Nginx {
  constructor(directory, port) {
    this.directory = join(directory, `nginx-${port}`);
    this.port = port;
    this.child = new Child();
    mkdirSync(this.directory, { mode: 0o755 });
  }

  /** `http` is put into http{}, `server` into a server of this port. */
  async start({ http: inHttp, server: inServer }) {
    const conf = join(this.directory, 'nginx.conf');
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${name}_temp;`).join('\n    ');

    writeFileSync(conf, `
load_module ${module};
daemon off;
worker_processes 2;
error_log error.log info;
pid nginx.pid;
events { worker_connections 256; }
http {
    ${temporary}
    access_log access.log;
    default_type text/plain;
    ${inHttp}

    server {
        listen 127.0.0.1:${this.port};
        ${inServer}
    }
}
`);
    this.child.start(nginxBinary, ['-p', `${this.directory}/`, '-c', conf, '-e', 'error.log']);
    await this.child.ready('nginx', () => listens(this.port));
  }

  stop() {
    return this.child.stop('SIGTERM');
  }

  log() {
    const file = join(this.directory, 'error.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  get(path, token, headers = {}) {
    const all = { ...headers };
    if (token !== undefined) {
      all.authorization = `Bearer ${token}`;
    }
    return request(this.port, path, { headers: all });
  }
}
