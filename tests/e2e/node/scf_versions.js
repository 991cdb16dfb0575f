// Publishes, points aliases and sets concurrency with Tencent's Node.js SDK; takes the same order as scf.js.
'use strict';
const { scf } = require('tencentcloud-sdk-nodejs-scf');

const order = JSON.parse(process.argv[2]);

async function main() {
  const sdk = new scf.v20180416.Client({
    credential: { secretId: order.keyId, secretKey: order.keySecret },
    region: order.region,
    profile: {
      signMethod: order.signMethod,
      httpProfile: { endpoint: order.endpoint, protocol: 'http://', reqMethod: order.reqMethod, reqTimeout: 60 },
    },
  });
  const FunctionName = order.name;
  const active = async () => {
    for (;;) {
      const found = await sdk.GetFunction({ FunctionName });
      if (!['Creating', 'Updating'].includes(found.Status)) return found;
    }
  };
  const out = {};
  const code = { ZipFile: order.zip };
  await sdk.CreateFunction({ FunctionName, Runtime: order.runtime, Handler: 'index.main_handler', Code: code });
  try {
    await active();
    out.published = await sdk.PublishVersion({ FunctionName, Description: 'from Node' });
    await sdk.UpdateFunctionConfiguration({ FunctionName, Timeout: 9, Publish: 'TRUE' });
    out.versions = (await sdk.ListVersionByFunction({ FunctionName })).FunctionVersion;
    out.first = (await sdk.GetFunction({ FunctionName, Qualifier: '1' })).Timeout;
    await sdk.CreateAlias({
      FunctionName,
      Name: 'prod',
      FunctionVersion: '1',
      RoutingConfig: { AdditionalVersionWeights: [{ Version: '2', Weight: 1 }] },
    });
    out.alias = await sdk.GetAlias({ FunctionName, Name: 'prod' });
    const Event = JSON.stringify({ do: 'echo' });
    out.ran = (await sdk.InvokeFunction({ FunctionName, Qualifier: 'prod', Event })).Result;
    out.aliases = (await sdk.ListAliases({ FunctionName, Offset: '0', Limit: '10' })).Aliases.map((one) => one.Name);
    await sdk.PutReservedConcurrencyConfig({ FunctionName, ReservedConcurrencyMem: 256 });
    out.reserved = (await sdk.GetReservedConcurrencyConfig({ FunctionName })).ReservedMem;
    await sdk.PutProvisionedConcurrencyConfig({
      FunctionName,
      Qualifier: '2',
      VersionProvisionedConcurrencyNum: 1,
      TriggerActions: [
        { TriggerName: 'off', TriggerProvisionedConcurrencyNum: 0, TriggerCronConfig: '0 0 12 3 11 * 2099' },
      ],
    });
    for (;;) {
      out.provisioned = (await sdk.GetProvisionedConcurrencyConfig({ FunctionName, Qualifier: '2' })).Allocated[0];
      if (out.provisioned.Status !== 'InProgress') break;
    }
    out.usage = (await sdk.GetAccount({})).AccountUsage;
    await sdk.DeleteProvisionedConcurrencyConfig({ FunctionName, Qualifier: '2' });
    await sdk.DeleteReservedConcurrencyConfig({ FunctionName });
    out.left = (await sdk.GetReservedConcurrencyConfig({ FunctionName })).ReservedMem;
  } finally {
    await sdk.DeleteFunction({ FunctionName });
  }
  process.stdout.write(JSON.stringify(out));
}

main().catch((error) => {
  process.stderr.write(`${error.stack || error}\n`);
  process.exit(1);
});
