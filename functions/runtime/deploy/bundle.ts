/** Bundles a function with all that it imports, and only that, into one minified file that needs no node_modules. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';

export interface Bundled {
  /** The files of the package, absolute. */
  readonly files: readonly string[];
  /** What went into the bundle, and how much of it. */
  readonly metafile: Metafile;
}

/**
 * Writes `index.mjs` and `holdfast.yml` into `folder`, and `index.mjs.map` beside it for whoever reads a stack trace; the map is no part
 * of the package, which a cold start loads whole.
 */
export async function bundleFunction({
  entry,
  folder,
  plan,
}: {
  readonly entry: string;
  readonly folder: string;
  /** The text of the deployed plan file. */
  readonly plan: string;
}): Promise<Bundled> {
  await mkdir(folder, { recursive: true });
  const bundle = join(folder, 'index.mjs');
  const { metafile } = await build({
    entryPoints: [entry],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // Packages that offer ES modules shed what is not used.
    mainFields: ['module', 'main'],
    minify: true,
    sourcemap: 'external',
    sourcesContent: false,
    metafile: true,
    legalComments: 'none',
    logLevel: 'silent',
    // Some packages still call require for Node's own modules, which an ES module does not have.
    banner: {
      js: "import{createRequire as holdfastCreateRequire}from'node:module';const require=holdfastCreateRequire(import.meta.url);",
    },
  });
  const planFile = join(folder, 'holdfast.yml');
  await writeFile(planFile, plan);
  return { files: [bundle, planFile], metafile };
}
