const fs = require('fs'), tls = require('tls'), env = process.env
const read = name => env[name] && fs.readFileSync(env[name])
const conn = tls.connect({
  host: '127.0.0.1', port: +env.PORT, servername: env.NAME, ca: read('CA'), cert: read('CERT'), key: read('KEY'),
  ALPNProtocols: env.ALPN && [env.ALPN], ecdhCurve: env.GROUP, ciphers: env.SUITE, minVersion: 'TLSv1.3',
})
conn.on('error', err => { console.error(err.message); process.exit(1) })
process.stdin.pipe(conn).pipe(process.stdout)
