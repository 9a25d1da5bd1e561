// `npm start`. The shell that runs npm's scripts remembers the Node that it found before the packages were installed.
import { onCapableNode } from './own-node.mjs';

await onCapableNode(import.meta.url, async () => {
  const { demonstrateFromShell } = await import('./demo.ts');
  await demonstrateFromShell();
});
