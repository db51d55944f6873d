"use strict";

const place = document.getElementById("docs");

function readCookie(name) {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

SwaggerUIBundle({
  domNode: place,
  url: place.dataset.document,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  // The validator would send the URL of the document to another server.
  validatorUrl: null,
  // The list has no name of its own.
  onComplete: () => document.getElementById("servers")?.setAttribute("aria-label", "Server"),
  requestInterceptor: (request) => {
    // Requests with a session of the admin need the CSRF token.
    const token = readCookie("csrftoken");
    if (token && !["GET", "HEAD"].includes(request.method) && !request.loadSpec) {
      request.headers["X-CSRFToken"] = token;
    }
    return request;
  },
});
