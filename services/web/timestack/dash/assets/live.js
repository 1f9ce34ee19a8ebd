// Parts of a page that change while they are read. Dash makes everything again that a callback
// sets, every two seconds: focus, selection and the movement of a bar would be lost. So the server
// sends such a part as components of `html` in a store, and what is there already is changed where
// it differs; elements with an id stay the same ones, wherever they are among their siblings.
(() => {
  const ATTRIBUTES = { className: "class", dateTime: "datetime", htmlFor: "for", tabIndex: "tabindex" };

  const isText = (child) => typeof child !== "object";
  const listed = (children) =>
    [children ?? []].flat().filter((each) => each !== null && each !== undefined && each !== "");
  const idOf = (child) => child.props?.id;

  function attributesOf({ children, style, ...props }) {
    const given = Object.entries(props)
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [ATTRIBUTES[name] ?? name, String(value)]);
    const styles = Object.entries(style ?? {}).map(([name, value]) => `${name}: ${value};`);
    return new Map(styles.length ? [...given, ["style", styles.join(" ")]] : given);
  }

  function update(node, child) {
    if (isText(child)) {
      if (node.data !== String(child)) node.data = child;
      return;
    }
    const wanted = attributesOf(child.props);
    for (const name of node.getAttributeNames()) {
      if (!wanted.has(name)) node.removeAttribute(name);
    }
    for (const [name, value] of wanted) {
      if (node.getAttribute(name) !== value) node.setAttribute(name, value);
    }
    draw(node, child.props.children);
  }

  // The node that shows a child already, if there is one: by its id, else by its place.
  function found(child, place, at) {
    if (isText(child)) return at?.nodeType === Node.TEXT_NODE ? at : null;
    const id = idOf(child);
    const node = id ? [...place.children].find((each) => each.id === id) : at?.id ? null : at;
    return node?.nodeName === child.type.toUpperCase() ? node : null;
  }

  function draw(place, children) {
    const wanted = listed(children);
    const ids = new Set(wanted.map(idOf));
    // First, so that what stays need not be moved: that would lose its focus.
    for (const node of [...place.children]) {
      if (node.id && !ids.has(node.id)) node.remove();
    }
    let at = place.firstChild;
    for (const child of wanted) {
      const made = () =>
        isText(child) ? document.createTextNode("") : document.createElement(child.type);
      const node = found(child, place, at) ?? made();
      if (node === at) at = at.nextSibling;
      else place.insertBefore(node, at);
      update(node, child);
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  // Dash calls this by name, with the children of elements by their ids, of the address that was
  // asked for: an answer that comes late is not that of the page that is shown by now.
  ((window.dash_clientside ??= {}).timestack ??= {}).draw = (seen, address) => {
    if (JSON.stringify(seen?.address) !== JSON.stringify(address)) return;
    for (const [id, children] of Object.entries(seen.parts)) {
      const place = document.getElementById(id);
      if (place) draw(place, children);
    }
  };
})();
