// Runs before the first paint, so that a dark page never flashes white.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => { try { return localStorage.getItem("crossfade-theme"); } catch { return null; } };
  const apply = () => { root.dataset.theme = kept() || (dark.matches ? "dark" : "light"); };
  apply();
  const tell = () => { apply(); document.dispatchEvent(new Event("theme")); };
  dark.addEventListener("change", tell);
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", () => {
      const next = root.dataset.theme === "dark" ? "light" : "dark";
      try { localStorage.setItem("crossfade-theme", next); } catch { /* private windows forget */ }
      root.dataset.theme = next;
      document.dispatchEvent(new Event("theme"));
    });
  });
})();
