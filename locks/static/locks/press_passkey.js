/* Asks the browser for a passkey, and sends the answer with the press it was asked for. */
"use strict";

(() => {
  async function answer(options) {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey);
    const credential = await navigator.credentials.get({ publicKey });
    return JSON.stringify(credential.toJSON());
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-passkey]");
    if (!button) return;
    const { form } = button;
    const error = form.querySelector("[data-passkey-error]");
    // What else the press needs is asked for first: a passkey is good for one press.
    const needed = [...form.elements].filter((field) => !["proof", "proof_by"].includes(field.name));
    if (!needed.every((field) => field.reportValidity())) return;
    error.hidden = true;
    button.disabled = true;
    try {
      const proof = await answer(JSON.parse(button.dataset.passkey));
      for (const name of ["proof", "proof_by"]) {
        const field = document.createElement("input");
        field.type = "hidden";
        field.name = name;
        field.value = name === "proof" ? proof : "webauthn";
        for (const old of form.querySelectorAll(`[name=${name}]`)) old.remove();
        form.append(field);
      }
      form.requestSubmit();
    } catch {
      error.hidden = false;
    } finally {
      button.disabled = false;
    }
    if (!error.hidden) button.focus(); // the keyboard's place went while it was disabled
  });
})();
