// LangChain's OpenAI classes and OpenAI's agents against a running ModelFabric: nothing is changed but base URL and key.
// Prints one line of JSON for each check; the test compares them.
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool as langchainTool } from '@langchain/core/tools';
import { Agent, OpenAIProvider, Runner, tool as agentTool } from '@openai/agents';
import { z } from 'zod';

const [url, key] = process.argv.slice(2);
const say = (check, result) => console.log(JSON.stringify({ check, result }));
const attempt = async (check, run) => {
  try { say(check, await run()); } catch (error) { say(check, `Error ${error.status ?? `${error.constructor.name} ${error.message}`}`.slice(0, 300)); }
};

const picture = 'data:image/png;base64,iVBORw0KGgo=';
const city = z.object({ city: z.string() });
const seen = z.object({ cat: z.boolean() });

for (const model of ['mock-openai/m', 'mock-anthropic/m', 'mock-gemini/m']) {
  for (const useResponsesApi of [false, true]) {
    const api = useResponsesApi ? 'responses' : 'chat';
    const chat = () => new ChatOpenAI({ model, apiKey: key, configuration: { baseURL: `${url}/v1` }, maxRetries: 0, useResponsesApi });
    const shown = new HumanMessage({ content: [{ type: 'text', text: 'picture' }, { type: 'image_url', image_url: { url: picture } }] });
    await attempt(`langchain ${api} ${model}`, async () => (await chat().invoke('hello')).text);
    await attempt(`langchain ${api} stream ${model}`, async () => {
      let whole;
      for await (const piece of await chat().stream('hello')) whole = whole === undefined ? piece : whole.concat(piece);
      return [whole.text, whole.usage_metadata?.input_tokens];
    });
    await attempt(`langchain ${api} tools ${model}`, async () => {
      const weather = langchainTool(({ city }) => `${city} is dry`, { name: 'weather', description: 'tells the weather', schema: city });
      const bound = chat().bindTools([weather]);
      const messages = [new HumanMessage('weather')];
      const first = await bound.invoke(messages);
      messages.push(first, new ToolMessage({ tool_call_id: first.tool_calls[0].id, content: await weather.invoke(first.tool_calls[0].args) }));
      return (await bound.invoke(messages)).text;
    });
    await attempt(`langchain ${api} image and schema ${model}`, () => chat().withStructuredOutput(seen, { method: 'jsonSchema', name: 'seen' }).invoke([shown]));
    await attempt(`langchain ${api} error ${model}`, () => chat().invoke('limit'));

    const runner = new Runner({ modelProvider: new OpenAIProvider({ apiKey: key, baseURL: `${url}/v1`, useResponses: useResponsesApi }), tracingDisabled: true });
    const agent = (more) => new Agent({ name: 'assistant', instructions: 'Be brief.', model, ...more });
    await attempt(`agents ${api} ${model}`, async () => (await runner.run(agent(), 'hello')).finalOutput);
    await attempt(`agents ${api} stream ${model}`, async () => {
      const run = await runner.run(agent(), 'hello', { stream: true });
      let text = '';
      for await (const piece of run.toTextStream()) text += piece;
      await run.completed;
      return [text === run.finalOutput, text];
    });
    await attempt(`agents ${api} tools ${model}`, async () => {
      const weather = agentTool({ name: 'weather', description: 'tells the weather', parameters: city, execute: async ({ city }) => `${city} is dry` });
      return (await runner.run(agent({ tools: [weather] }), 'weather')).finalOutput;
    });
    await attempt(`agents ${api} image and schema ${model}`, async () => (await runner.run(agent({ outputType: seen }),
      [{ role: 'user', content: [{ type: 'input_text', text: 'picture' }, { type: 'input_image', image: picture }] }])).finalOutput);
    await attempt(`agents ${api} error ${model}`, async () => (await runner.run(agent(), 'limit')).finalOutput);
  }
}
await attempt('langchain embeddings', async () => (await new OpenAIEmbeddings({ model: 'mock-openai/m', apiKey: key, configuration: { baseURL: `${url}/v1` }, maxRetries: 0 }).embedQuery('hello')).length > 0);
