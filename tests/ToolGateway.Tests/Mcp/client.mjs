// The TypeScript SDK against a gateway: node client.mjs URL TOKEN. Prints what it saw as one JSON document.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [url, token] = process.argv.slice(2);
const client = new Client({ name: 'test', version: '1' });
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization: `Bearer ${token}` } } }));
const call = (name, args) => client.callTool({ name, arguments: args });
const seen = {
  tools: (await client.listTools()).tools.map((tool) => tool.name),
  written: await call('files.write', { path: 'a.txt', content: 'written over MCP' }),
  read: await call('files.read', { path: 'a.txt' }),
  held: await call('files.delete', { path: 'a.txt' }),
  wrong: await call('files.read', { pth: 'a.txt' }),
};
seen.still = await call('invocations.result', { invocation: seen.held.structuredContent.invocation });
console.log(JSON.stringify(seen));
await client.close();
