// Runs before the first paint, so that a chosen theme never flashes. A classic file because the policy allows no inline script.
(function () {
  var system = matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    var choice = null;
    try {
      choice = localStorage.getItem("llmg-theme");
    } catch (e) {
      // Storage can be switched off; then the system decides.
    }
    var dark = choice === "dark" || (choice !== "light" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }
  apply();
  system.addEventListener("change", apply);
  addEventListener("llmg-theme", apply);
})();
