// Tables: a click on a heading sorts by that column; a second click turns the order.
"use strict";

for (const table of document.querySelectorAll("table[data-sortable]")) {
  const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent;
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => compare(key(a), key(b), down ? -1 : 1));
      table.tBodies[0].append(...rows);
    });
  });
}

function compare(a, b, sign) {
  if (a === "" || b === "") return (a === "") - (b === ""); // what is missing stays last
  const numbers = [Number(a), Number(b)];
  if (numbers.every((n) => !Number.isNaN(n))) return sign * (numbers[0] - numbers[1]);
  return sign * a.localeCompare(b, "en", { numeric: true });
}

window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
