// Drives SCF with Tencent's Node.js SDK: node scf.js '{"endpoint": …, "zip": base64 …}'; prints one JSON document.
'use strict';
const { scf } = require('tencentcloud-sdk-nodejs-scf');

const order = JSON.parse(process.argv[2]);

function client(overrides) {
  return new scf.v20180416.Client({
    credential: { secretId: order.keyId, secretKey: order.keySecret, ...overrides },
    region: order.region,
    profile: {
      signMethod: order.signMethod || 'TC3-HMAC-SHA256',
      httpProfile: { endpoint: order.endpoint, protocol: 'http://', reqMethod: order.reqMethod || 'POST', reqTimeout: 60 },
    },
  });
}

async function active(sdk, name) {
  for (;;) {
    const found = await sdk.GetFunction({ FunctionName: name });
    if (!['Creating', 'Updating'].includes(found.Status)) return found;
  }
}

async function refusal(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return { code: error.code, requestId: error.requestId };
  }
}

async function main() {
  const sdk = client();
  const out = {};
  const name = order.name;
  await sdk.CreateFunction({
    FunctionName: name,
    Runtime: order.runtime,
    Handler: 'index.main_handler',
    Code: { ZipFile: order.zip },
    Environment: { Variables: [{ Key: 'FROM', Value: 'node sdk' }] },
  });
  try {
    out.created = await active(sdk, name);
    out.invoked = (await sdk.InvokeFunction({ FunctionName: name, Event: JSON.stringify({ do: 'echo', text: 'a b+c 你' }), LogType: 'Tail' })).Result;
    await sdk.UpdateFunctionConfiguration({ FunctionName: name, MemorySize: 256 });
    out.updated = await active(sdk, name);
    out.listed = (await sdk.ListFunctions({ SearchKey: name, Description: '' })).Functions.map((one) => one.FunctionName);
    out.taken = await refusal(() => sdk.CreateFunction({ FunctionName: name, Runtime: order.runtime, Code: { ZipFile: order.zip } }));
    out.wrongSecret = await refusal(() => client({ secretKey: 'wrong' }).ListFunctions({}));
  } finally {
    await sdk.DeleteFunction({ FunctionName: name });
  }
  out.gone = await refusal(() => sdk.InvokeFunction({ FunctionName: name }));
  process.stdout.write(JSON.stringify(out));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
