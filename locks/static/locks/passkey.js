// Asks the browser for a passkey before a form is sent: data-passkey is "get" or "create".
// The options come from the page; what the browser answers goes back in the field `credential`.
// webauthnJSON is allauth's copy of https://github.com/github/webauthn-json.
(() => {
  "use strict";

  const form = document.querySelector("form[data-passkey]");
  const trouble = document.querySelector("[data-passkey-trouble]");
  const options = JSON.parse(document.getElementById("passkey-options").textContent);

  const say = (which) => {
    for (const text of trouble.querySelectorAll("[data-said]")) {
      text.hidden = text.dataset.said !== which;
    }
    trouble.hidden = false;
  };

  const reasons = { SecurityError: "address", InvalidStateError: "had" };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    trouble.hidden = true;
    if (!window.PublicKeyCredential || !window.isSecureContext) {
      say("address");
      return;
    }
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const create = form.dataset.passkey === "create";
      const asked = create ? options.creation_options : options.request_options;
      const answer = await (create ? webauthnJSON.create(asked) : webauthnJSON.get(asked));
      form.elements.credential.value = JSON.stringify(answer);
      form.submit();
    } catch (error) {
      say(reasons[error.name] || "none");
      button.disabled = false;
      button.focus(); // the keyboard's place went while it was disabled
    }
  });
})();
