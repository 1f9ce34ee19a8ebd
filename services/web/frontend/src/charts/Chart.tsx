// The card around a chart: its title, the picture as wide as there is room, and what it cannot show.

import { type ReactNode, useId, useLayoutEffect, useRef, useState } from "react";

type Props = {
  title: string;
  /** What the picture shows; without one, `notes` say why. */
  draw: ((width: number) => ReactNode) | null;
  notes?: (string | null)[];
  children?: ReactNode;
};

// Until it is measured, and where there is no layout.
const WIDTH = 480;

export function Chart({ title, draw, notes = [], children }: Props) {
  const id = useId();
  const [place, width] = useWidth();
  return (
    <section className="ts-card fin-chart" aria-labelledby={id}>
      <h3 className="h6" id={id}>
        {title}
      </h3>
      <div ref={place} className="fin-picture">
        {draw?.(width)}
      </div>
      {children}
      {notes.map((each) => each && <Note key={each}>{each}</Note>)}
    </section>
  );
}

function Note({ children }: { children: string }) {
  return <p className="fin-note">{children}</p>;
}

/** An element to watch, and its width in pixels: letters keep their size, the picture does not. */
function useWidth() {
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(WIDTH);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const measure = () => setWidth(Math.floor(element.clientWidth) || WIDTH);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [place, width] as const;
}
