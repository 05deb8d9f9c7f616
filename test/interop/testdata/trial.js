// usage: trial.js CAPABILITY ROLE: one capability of Node's, told by environment variables as in client.js.
const fs = require('fs'), tls = require('tls'), env = process.env
const [what, role] = process.argv.slice(2)
const read = name => env[name] && fs.readFileSync(env[name])
const options = {
  ca: read('CA'), cert: read('CERT'), key: read('KEY'), minVersion: 'TLSv1.3', sigalgs: env.SIGALGS, requestOCSP: what === 'stapling',
}
const hello = 'hello from the other side\n'
const fail = err => { console.error(err.message); process.exit(1) }
const context = Buffer.from('a context')

function facts(conn) {
  if (what === 'exporter') {
    console.log('exported', conn.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)).toString('hex'))
    console.log('exported', conn.exportKeyingMaterial(48, 'EXPORTER-sealsock', context).toString('hex'))
  }
}

function keys(emitter) {
  if (env.KEYLOG) emitter.on('keylog', line => fs.appendFileSync(env.KEYLOG, line))
}

function connect(session, then) {
  const conn = tls.connect({ ...options, host: '127.0.0.1', port: +env.PORT, servername: env.NAME, session })
  let next
  keys(conn)
  conn.on('error', fail)
  conn.on('session', s => { next = s })
  conn.on('OCSPResponse', r => console.log('stapled', r && r.toString('hex')))
  conn.on('secureConnect', () => { facts(conn); conn.write(hello) })
  conn.on('data', () => {})
  conn.on('end', () => { console.log('resumed', conn.isSessionReused()); conn.end(() => then && then(next)) })
}

if (role === 'client') {
  connect(undefined, what === 'resumption' ? session => connect(session) : undefined)
} else {
  const server = tls.createServer(options, conn => {
    conn.on('error', err => console.error(err.message))
    facts(conn)
    console.log('resumed', conn.isSessionReused())
    conn.pipe(conn)
  })
  keys(server)
  if (what === 'stapling') server.on('OCSPRequest', (cert, issuer, callback) => callback(null, read('STAPLE')))
  server.on('tlsClientError', err => console.error(err.message))
  server.listen(0, '127.0.0.1', () => console.log('port', server.address().port))
}
