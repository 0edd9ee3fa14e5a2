// The documentation's PHP example, unchanged but for the two keys and the host, run by PHP's own web server. In front of the
// gateway stands a TLS proxy whose certificate comes from an authority of the test's own, which PHP is told of.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT, Server, freePort, request, until } from './harness.mjs';

const EXAMPLE = readFileSync(path.join(ROOT, 'test/data/documentation-example.php'), 'utf8');

let dir, server, proxy, php, phpUrl, project, host, ca;

function makeCertificates() {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=Test authority');
  openssl('req', ...key, '-keyout', 'tls.key', '-out', 'tls.csr', '-subj', '/CN=localhost');
  writeFileSync(path.join(dir, 'ext'), 'subjectAltName=DNS:localhost\n');
  openssl('x509', '-req', '-in', 'tls.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ext', '-out', 'tls.pem');
  ca = readFileSync(path.join(dir, 'ca.pem'));
}

// Terminates TLS and hands everything on as it came, as an operator's proxy does.
async function startProxy(port) {
  const options = { key: readFileSync(path.join(dir, 'tls.key')), cert: readFileSync(path.join(dir, 'tls.pem')) };
  proxy = https.createServer(options, (req, res) => {
    const headers = { ...req.headers, 'x-forwarded-for': req.socket.remoteAddress, 'x-forwarded-proto': 'https' };
    const upstream = http.request({ host: '127.0.0.1', port: server.port, method: req.method, path: req.url, headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(res);
    });
    upstream.on('error', () => res.writeHead(502).end());
    req.pipe(upstream);
  });
  await new Promise((resolve) => proxy.listen(port, '127.0.0.1', resolve));
}

async function startPhp(script) {
  writeFileSync(path.join(dir, 'buy.php'), script);
  const port = await freePort();
  php = spawn('php', ['-d', `curl.cainfo=${path.join(dir, 'ca.pem')}`, '-S', `127.0.0.1:${port}`, '-t', dir], { stdio: 'ignore' });
  phpUrl = `http://127.0.0.1:${port}/buy.php`;
  await until(() => request(`http://127.0.0.1:${port}/none`).then(() => true, () => false), "PHP's server answers");
}

const filledIn = (keys) =>
  EXAMPLE.replace('pk_test_your_api_key', keys.api_key).replace('sk_test_your_api_secret', keys.api_secret).replace('crypto-pay.one', host);

// With an https base URL the answer's links go to the proxy; trust its authority.
const httpsRequest = (url) =>
  new Promise((resolve, reject) => {
    https
      .get(url, { ca }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (data) => (text += data));
        res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, text }));
      })
      .on('error', reject);
  });

before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'cryptopay-php-'));
  makeCertificates();
  const port = await freePort();
  host = `localhost:${port}`;
  server = await Server.start({ baseUrl: `https://${host}`, args: ['--trusted-proxies', '127.0.0.1'] });
  await startProxy(port);
  project = await server.addProject({ website: 'https://merchant-site.com' });
  await startPhp(filledIn(project.test));
});
after(async () => {
  php?.kill('SIGKILL');
  proxy?.closeAllConnections();
  proxy?.close();
  await server?.close();
  rmSync(dir, { recursive: true, force: true });
});

test('it creates a payment and redirects to the checkout', async () => {
  const answer = await request(phpUrl);
  assert.equal(answer.status, 302, answer.text);
  const location = answer.headers.location;
  assert.match(location, new RegExp(`^https://${host}/pay/\\?id=\\d+$`));
  const id = new URL(location).searchParams.get('id');
  const payment = (await server.status(id, project.test)).json.payment;
  assert.equal(payment.order_id, 'ORDER_12345');
  assert.equal(payment.amount, '50.00');
  const checkout = await httpsRequest(location);
  assert.equal(checkout.status, 200);
  assert.match(checkout.headers['content-type'], /^text\/html/);
  assert.ok(checkout.text.includes(payment.address), 'the page shows the address');
  assert.match(checkout.headers['strict-transport-security'] ?? '', /max-age/);
});

test('pressed again it leads to the same payment', async () => {
  const [one, two] = [await request(phpUrl), await request(phpUrl)];
  assert.equal(one.headers.location, two.headers.location);
});

test('it prints the error that it is given', async () => {
  writeFileSync(path.join(dir, 'wrong.php'), filledIn({ ...project.test, api_secret: 'sk_test_wrong' }));
  const answer = await request(phpUrl.replace('buy.php', 'wrong.php'));
  assert.equal(answer.text, 'API error: Invalid signature');
});
