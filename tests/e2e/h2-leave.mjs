// Opens streams on one HTTP/2 connection, cancels each after its first tokens, and prints their ids with the times.
import http2 from 'node:http2';

const { url, key, body, times } = JSON.parse(process.argv[2]);
const session = http2.connect(url);

const one = () =>
  new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/v1/chat/completions',
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
    });
    const seen = {};
    let text = '';
    stream.on('response', (headers) => (seen.id = headers['x-llmg-request-id']));
    stream.on('data', (chunk) => {
      seen.came ??= performance.now();
      text += chunk;
      if (text.includes('answer') && !seen.left) {
        stream.close(http2.constants.NGHTTP2_CANCEL);
        seen.left = performance.now();
      }
    });
    stream.on('error', () => {});
    stream.on('close', () => resolve({ id: seen.id, wait_ms: seen.left - seen.came }));
    session.on('error', reject);
    stream.end(JSON.stringify(body));
  });

const out = await Promise.all(Array.from({ length: times }, one));
session.close();
console.log(JSON.stringify(out));
