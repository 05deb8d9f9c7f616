const crypto = require('crypto'), fs = require('fs'), tls = require('tls'), env = process.env
const read = name => env[name] && fs.readFileSync(env[name])
const options = {
  host: '127.0.0.1', port: +env.PORT, servername: env.NAME, ca: read('CA'), cert: read('CERT'), key: read('KEY'),
  ALPNProtocols: env.ALPN && [env.ALPN], ecdhCurve: env.GROUP, ciphers: env.SUITE, minVersion: 'TLSv1.3', requestOCSP: 'STAPLE' in env,
}
if (env.VERSION) {
  Object.assign(options, { minVersion: 'TLSv1.2', maxVersion: env.VERSION === '1.2' ? 'TLSv1.2' : 'TLSv1.3' })
  if (env.OPENSSL_SUITE) options.ciphers = env.OPENSSL_SUITE + ':@SECLEVEL=0'
  if (env.RESUME === 'ID') options.secureOptions = crypto.constants.SSL_OP_NO_TICKET
}
if (env.PSK) {
  options.pskCallback = () => ({ psk: Buffer.from(env.PSK, 'hex'), identity: env.PSK_IDENTITY })
  options.checkServerIdentity = () => undefined // the key is what proves the server
}

// connect talks, or with then ends at once and hands on the session.
function connect(session, then) {
  const conn = tls.connect({ ...options, session }, () => {
    if (env.EXPORTER) console.error(conn.exportKeyingMaterial(32, env.EXPORTER).toString('hex'))
    // The client's Finished comes first: that of the server's may still be on its way.
    if (env.UNIQUE) console.error(conn.getFinished().toString('hex'))
    if (then) conn.end().resume()
    else process.stdin.pipe(conn).pipe(process.stdout)
  })
  conn.on('error', err => { console.error(err.message); process.exit(1) })
  conn.on('OCSPResponse', der => console.error(crypto.createHash('sha256').update(der).digest('hex')))
  if (env.RENEGOTIATE) conn.once('data', () => conn.renegotiate({}, err => err && console.error(err.message)))
  if (then) {
    let kept
    conn.on('session', s => { kept = s })
    conn.on('close', () => then(kept))
  }
}

if (env.RESUME) connect(undefined, session => connect(session))
else connect()
