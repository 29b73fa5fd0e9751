// The gateway's MCP client as the suite wants to start it: node under-test.mjs GATEWAY OWNER AGENT SERVER. It configures SERVER behind GATEWAY, asks through it for everything there
// is, and takes it away again. So what the suite's server sees is the gateway, with policy and ledger on the way.
import { randomUUID } from 'node:crypto';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const [gateway, owner, agent, server] = process.argv.slice(2);
const name = `suite-${process.pid}`;
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
const configured = (method, body) => fetch(`${gateway}v1/mcp-servers/${name}`, {
  method, headers: { Authorization: `Bearer ${owner}`, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body),
});
const example = (schema, key) => {
  if (schema.enum) return schema.enum[0];
  switch (schema.type) {
    case 'number': case 'integer': return 5;
    case 'boolean': return true;
    case 'array': return [];
    case 'object': return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([k, v]) => [k, example(v, k)]));
    default: return `a ${key ?? 'text'}`;
  }
};

const failed = (await configured('PUT', { url: server, trusted: true })).ok ? 0 : 1;
// A workspace for each call: what a server of the suite says of its tools is nothing, so after one call of them the next in the same workspace would wait for a human.
const connect = async () => {
  const client = new Client({ name: 'under-test', version: '1' }, { capabilities: { elicitation: { form: { applyDefaults: true } } } });
  client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: {} }));
  const headers = { Authorization: `Bearer ${agent}`, 'AgentPlatform-Workspace': randomUUID() };
  await client.connect(new StreamableHTTPClientTransport(new URL(`mcp/servers/${name}`, gateway), { requestInit: { headers } }));
  return client;
};
const attempt = async (what, act) => {
  try {
    return await act();
  } catch (error) {
    console.error(`${what}: ${error.message}`);
  }
};

const client = await connect();
const offers = client.getServerCapabilities() ?? {};
const { tools } = await client.listTools();
console.error(`tools: ${tools.map((tool) => tool.name).join(', ')}`);
const calls = context.toolCalls ?? tools.map((tool) => ({ name: tool.name, arguments: example({ type: 'object', ...tool.inputSchema }) }));
for (const call of calls) {
  const caller = await connect();
  const result = await attempt(call.name, () => caller.callTool({ name: call.name, arguments: call.arguments ?? {} }));
  await caller.close();
  console.error(`${call.name}: ${JSON.stringify(result)?.slice(0, 500)}`);
}
if (offers.resources) {
  for (const resource of (await attempt('resources', () => client.listResources()))?.resources ?? []) await attempt(resource.uri, () => client.readResource({ uri: resource.uri }));
}
if (offers.prompts) {
  for (const prompt of (await attempt('prompts', () => client.listPrompts()))?.prompts ?? []) {
    await attempt(prompt.name, () => client.getPrompt({ name: prompt.name, arguments: Object.fromEntries((prompt.arguments ?? []).map((a) => [a.name, 'x'])) }));
  }
}
await client.close();
await configured('DELETE');
process.exit(failed);
