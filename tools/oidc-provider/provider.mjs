// An OpenID Connect provider (oidc-provider, certified by the OpenID Foundation) with one client.
// usage: node provider.mjs PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI
// Who signs in says on its page who they are: sub, mail address, whether that is verified, and amr.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [port, clientId, clientSecret, redirectUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const people = new Map();

const provider = new Provider(issuer, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
  pkce: { required: () => true },
  claims: { openid: ["sub", "amr"], email: ["email", "email_verified"], profile: ["name"] },
  scopes: ["openid", "email", "profile"],
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false } },
  cookies: { keys: ["only-for-tests"] },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...people.get(id) }) }),
  // Nobody is asked to consent: the provider and the desk belong to the same house.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid email profile");
    await grant.save();
    return grant;
  },
});

const PAGE = `<!doctype html><title>Provider</title><h1>The house's provider</h1><form method="post">
<input name="sub" aria-label="Subject"><input name="email" aria-label="Mail">
<input name="verified" aria-label="Verified" value="yes"><input name="amr" aria-label="Ways" value="pwd">
<button>Continue</button><button name="cancel" value="1">Cancel</button></form>`;

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return new URLSearchParams(Buffer.concat(parts).toString());
}

createServer(async (request, response) => {
  if (!request.url.startsWith("/interaction/")) {
    return provider.callback()(request, response);
  }
  if (request.method !== "POST") {
    return response.setHeader("Content-Type", "text/html").end(PAGE);
  }
  const form = await body(request);
  if (form.get("cancel")) {
    return provider.interactionFinished(request, response, { error: "access_denied" });
  }
  const sub = form.get("sub");
  people.set(sub, {
    email: form.get("email"),
    email_verified: form.get("verified") === "yes",
  });
  const login = { accountId: sub, amr: form.get("amr").split(" ") };
  return provider.interactionFinished(request, response, { login });
}).listen(Number(port), "127.0.0.1");
