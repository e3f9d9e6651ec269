import { useEffect, useState } from 'react';
import { shortDigest } from './format.js';
import { Icon } from './icons.js';

/** Copies `text`; `label` says what it is. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState<boolean | null>(null);
  useEffect(() => {
    if (copied === null) return;
    const timer = setTimeout(() => setCopied(null), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => void copyText(text).then(setCopied);
  return (
    <button
      type="button"
      className="copy"
      data-copied={copied === true}
      onClick={copy}
      aria-label={`Copy ${label}`}
      title={`Copy ${label}`}
    >
      <Icon name={copied === null ? 'copy' : copied ? 'check' : 'cross'} />
      <span role="status" className="unseen">
        {copied === null ? '' : copied ? 'Copied' : 'Could not copy; select the text in the title instead'}
      </span>
    </button>
  );
}

/** A digest or id by its two ends, whole in the title and the clipboard. */
export function Digest({ value, label }: { value: string; label: string }) {
  return (
    <span className="digest">
      <code title={value}>{shortDigest(value)}</code>
      <CopyButton text={value} label={label} />
    </span>
  );
}

async function copyText(text: string): Promise<boolean> {
  // The clipboard API exists only in secure contexts; a coordinator on a hospital's network often speaks plain HTTP.
  if (navigator.clipboard)
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'unseen';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}
