// A small client of the API. It must compile in strict mode with the generated types.
import type { components, operations, webhooks } from "./bilheteria";

type Schemas = components["schemas"];

const reservation: Schemas["ReservationSent"] = {
  event: "noite-de-jazz",
  quantity: 2,
  customer: { name: "Ana Souza", email: "ana@example.com" },
};

// @ts-expect-error The generated types refuse an unknown member, as the API does.
const misspelt: Schemas["RefundSent"] = { ticket: [] };

export async function reserve(url: string, key: string): Promise<Schemas["ReservedOrderShown"]> {
  const headers: operations["reserve_tickets"]["parameters"]["header"] = { "Idempotency-Key": key };
  const response = await fetch(`${url}/orders`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(reservation),
  });
  if (!response.ok) {
    const problem: Schemas["Problem"] = await response.json();
    throw new Error(explain(problem));
  }
  return response.json();
}

function explain({ code, detail }: Schemas["Problem"]): string {
  switch (code) {
    case "sold_out":
      return "All tickets are gone.";
    case "too_many_requests":
    case "inventory_unavailable":
      return "Try again in a moment.";
    default:
      return detail;
  }
}

export function admit(scan: Schemas["AdmissionShown"] | Schemas["ScanProblem"]): string {
  if ("result" in scan) {
    const result: "admitted" | "exited" = scan.result;
    return `${result}: ${scan.ticket.holder_name}`;
  }
  return scan.first_scan ? `Used at ${scan.first_scan.at}.` : scan.detail;
}

export function codeOf(
  message: webhooks["order.paid"]["post"]["requestBody"]["content"]["application/json"],
): string {
  return message.data.code;
}

export { misspelt };
