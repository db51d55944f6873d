// Show the chosen currency before each price, also in forms that are added later.
"use strict";

const SYMBOLS = { BRL: "R$", USD: "US$", EUR: "€" };

document.addEventListener("DOMContentLoaded", () => {
  const currency = document.querySelector("select[name=currency]");
  if (!currency) {
    return;
  }
  const show = () => {
    for (const input of document.querySelectorAll("input.amount")) {
      const symbol = input.parentElement.querySelector("span");
      if (symbol) {
        symbol.textContent = SYMBOLS[currency.value] || currency.value;
      }
    }
  };
  currency.addEventListener("change", show);
});
