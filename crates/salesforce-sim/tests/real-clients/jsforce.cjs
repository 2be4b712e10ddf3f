// Logs in with jsforce as its users do, and prints what came of it as one line of JSON.
// Arguments: the mode, then settings as JSON.
const jsforce = require('jsforce');

const query = 'SELECT Id, Name, IsSandbox FROM Organization';

async function summary(connection) {
  const { records } = await connection.query(query);
  const { Id, Name, IsSandbox } = records[0];
  const identity = await connection.identity();
  return { Id, Name, IsSandbox, username: identity.username, usage: connection.limitInfo.apiUsage };
}

const modes = {
  async clientCredentials({ clientId, clientSecret, loginUrl, httpProxy }) {
    const connection = new jsforce.Connection({
      httpProxy,
      instanceUrl: loginUrl,
      oauth2: { clientId, clientSecret, loginUrl, httpProxy },
    });
    await connection.authorize({ grant_type: 'client_credentials' });
    return summary(connection);
  },

  // The access token is dead from the start: jsforce refreshes by itself.
  async refreshToken({ clientId, clientSecret, loginUrl, refreshToken, httpProxy }) {
    const connection = new jsforce.Connection({
      httpProxy,
      instanceUrl: loginUrl,
      accessToken: '00Ddead!dead',
      refreshToken,
      oauth2: { clientId, clientSecret, loginUrl, httpProxy },
    });
    let refreshes = 0;
    connection.on('refresh', () => { refreshes += 1; });
    return { ...(await summary(connection)), refreshes };
  },

  async accessToken({ instanceUrl, accessToken }) {
    return summary(new jsforce.Connection({ instanceUrl, accessToken }));
  },
};

const [mode, settings] = process.argv.slice(2);
modes[mode](JSON.parse(settings)).then(
  (result) => console.log(JSON.stringify(result)),
  (error) => { console.error(error); process.exitCode = 1; },
);
