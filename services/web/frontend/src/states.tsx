// What is shown in place of figures.

import type { Failure } from "./ask";

const HEADINGS: Record<number, string> = {
  0: "The server does not answer",
  200: "The answer cannot be read",
  401: "You are logged out",
  403: "You may not see this",
  404: "There is no such company",
  429: "Too many requests",
  502: "The server does not answer",
  503: "The server is not ready",
  504: "The server does not answer",
};

export function Loading() {
  return (
    <div className="fin-charts">
      {[1, 2, 3, 4].map((each) => (
        <div key={each} className="fin-bone" />
      ))}
    </div>
  );
}

type TroubleProps = { failure: Failure; login: string; onRetry: () => void };

export function Trouble({ failure, login, onRetry }: TroubleProps) {
  const here = encodeURIComponent(window.location.pathname + window.location.search);
  return (
    <div className="ts-state" role="alert">
      <h2 className="h5">{HEADINGS[failure.status] ?? "The server failed to answer"}</h2>
      <p>{failure.status === 404 ? `${failure.message} Choose another one.` : failure.message}</p>
      <div className="fin-together">
        {failure.status === 401 && (
          <a className="btn btn-primary" href={`${login}?next=${here}`}>
            Log in
          </a>
        )}
        <Retry onRetry={onRetry} />
      </div>
    </div>
  );
}

export function NoCompanies({ reference, onRetry }: { reference: string; onRetry: () => void }) {
  return (
    <div className="ts-state">
      <h2 className="h5">No companies yet</h2>
      <p>
        An editor adds one through the <a href={reference}>API</a>, by{" "}
        <code>POST /api/v1/companies</code>. An administrator may have them fetched from the media
        platform: the job <code>companies.fetch</code>.
      </p>
      <Retry onRetry={onRetry} />
    </div>
  );
}

type NoFinancesProps = { name: string; id: string; reference: string };

export function NoFinances({ name, id, reference }: NoFinancesProps) {
  return (
    <div className="ts-state">
      <h2 className="h5">{name} has no finances yet</h2>
      <p>
        An editor sends those of a year through the <a href={reference}>API</a>, by{" "}
        <code>{`PUT /api/v1/companies/${id}/finances/2024`}</code>.
      </p>
    </div>
  );
}

function Retry({ onRetry }: { onRetry: () => void }) {
  return (
    <button type="button" className="btn btn-outline-primary" onClick={onRetry}>
      Try again
    </button>
  );
}
