// Draws the diagrams of a page. Mermaid is large, so only pages with diagrams load it.
(() => {
  const sources = document.querySelectorAll('code.language-mermaid');
  if (sources.length === 0) return;
  const script = document.createElement('script');
  script.src = `${path_to_root}mermaid.tiny.js`;
  script.onload = () => {
    for (const source of sources) {
      const diagram = document.createElement('pre');
      diagram.className = 'mermaid';
      diagram.textContent = source.textContent;
      source.closest('pre').replaceWith(diagram);
    }
    const dark = /coal|navy|ayu/.test(document.documentElement.className);
    mermaid.initialize({ startOnLoad: false, theme: dark ? 'dark' : 'default' });
    mermaid.run();
  };
  document.head.append(script);
})();
