/** The program. `PORT=4000 node dist/examples/supabase-realtime/server.js` */
import { start } from "joist";

const app = await start(new URL("./app.js", import.meta.url), { port: Number(process.env.PORT ?? 4000) });
console.log(`Realtime: ws://localhost:${app.port}/realtime/v1`);
