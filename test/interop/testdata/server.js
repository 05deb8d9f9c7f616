const fs = require('fs'), tls = require('tls'), env = process.env
const server = tls.createServer({
  ca: fs.readFileSync(env.CA), cert: fs.readFileSync(env.CERT), key: fs.readFileSync(env.KEY),
  ALPNProtocols: env.ALPN && [env.ALPN], ecdhCurve: env.GROUP, ciphers: env.SUITE, minVersion: 'TLSv1.3',
  requestCert: 'CLIENT_AUTH' in env, rejectUnauthorized: 'CLIENT_AUTH' in env,
}, conn => { conn.on('error', err => console.error(err.message)); conn.pipe(conn) })
server.on('tlsClientError', err => console.error(err.message))
server.listen(0, '127.0.0.1', () => console.log('port', server.address().port))
