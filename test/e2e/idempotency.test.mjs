// Clients that repeat what they do not know the answer of: one object a key, whatever gets lost on the way.
//   IDEMPOTENCY_ROUNDS=10000 for the long form
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { CREATE, Server, signV1, signV2 } from './harness.mjs';

const CLIENTS = 64;
const ROUNDS = Number(process.env.IDEMPOTENCY_ROUNDS ?? 60);

let server, project;
before(async () => {
  server = await Server.start({ args: ['--rate-limit', 'no'] });
  project = await server.addProject({});
});
after(() => server?.close());

// One request; with `lose` the connection is cut as soon as the request is out, so its answer is lost.
function send(agent, headers, body, lose) {
  return new Promise((resolve) => {
    const request = http.request(`${server.baseUrl}${CREATE}`, {
      method: 'POST', agent, headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...headers },
    });
    request.on('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => resolve({ status: answer.statusCode, text }));
      answer.on('error', () => resolve(null));
    });
    request.on('error', () => resolve(null));
    request.end(body, () => lose && setTimeout(() => request.destroy(), Math.random() * 3));
  });
}

async function storm(sign) {
  const seen = Array.from({ length: ROUNDS }, () => new Set());
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let round = 0; round < ROUNDS; round++) {
      const body = JSON.stringify({ order_id: `${sign.name}-${round}`, amount: '5.00' });
      for (let answer = null; !answer;) {
        answer = await send(agent, sign(body, round), body, Math.random() < 0.3);
        if (!answer) continue;
        assert.equal(answer.status, 200, answer.text);
        seen[round].add(JSON.parse(answer.text).payment.payment_id);
      }
    }
    agent.destroy();
  }));
  for (const ids of seen) assert.equal(ids.size, 1);
  assert.equal(new Set(seen.map((ids) => [...ids][0])).size, ROUNDS);
}

test('an order is one payment for all who repeat it', () =>
  storm(function order(body) { return signV1(project.test, body); }));

test('an Idempotency-Key is one payment for all who repeat it', () =>
  storm(function key(body, round) {
    return signV2(project.test, { method: 'POST', target: CREATE, body, idempotencyKey: `key-${round}` });
  }));
