const crypto = require('crypto'), fs = require('fs'), tls = require('tls'), env = process.env
const options = {
  ca: fs.readFileSync(env.CA), cert: fs.readFileSync(env.CERT), key: fs.readFileSync(env.KEY),
  ALPNProtocols: env.ALPN && [env.ALPN], ecdhCurve: env.GROUP, ciphers: env.SUITE, minVersion: 'TLSv1.3',
  requestCert: 'CLIENT_AUTH' in env, rejectUnauthorized: 'CLIENT_AUTH' in env,
}
if (env.VERSION) {
  Object.assign(options, { minVersion: 'TLSv1.2', maxVersion: env.VERSION === '1.2' ? 'TLSv1.2' : 'TLSv1.3' })
  if (env.OPENSSL_SUITE) options.ciphers = env.OPENSSL_SUITE + ':@SECLEVEL=0'
  if (env.RESUME === 'ID') options.secureOptions = crypto.constants.SSL_OP_NO_TICKET
}
if (env.PSK) {
  options.pskCallback = (_, identity) => identity === env.PSK_IDENTITY ? Buffer.from(env.PSK, 'hex') : null
  options.pskIdentityHint = env.HINT
}
const server = tls.createServer(options, conn => {
  if (env.EXPORTER) console.error(conn.exportKeyingMaterial(32, env.EXPORTER).toString('hex'))
  if (env.UNIQUE) console.error(conn.getPeerFinished().toString('hex'))
  conn.on('error', err => console.error(err.message))
  if (env.RENEGOTIATE) conn.once('data', () => conn.renegotiate({ requestCert: 'LATE' in env }, err => err && console.error(err.message)))
  conn.pipe(conn)
})
const sessions = new Map()
if (env.RESUME === 'ID') {
  server.on('newSession', (id, data, done) => { sessions.set(id.toString('hex'), data); done() })
  server.on('resumeSession', (id, done) => done(null, sessions.get(id.toString('hex')) || null))
}
if (env.STAPLE) server.on('OCSPRequest', (_, issuer, done) => done(null, fs.readFileSync(env.STAPLE)))
server.on('tlsClientError', err => console.error(err.message))
server.listen(0, '127.0.0.1', () => console.log('port', server.address().port))
