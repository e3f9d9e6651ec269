import './policy.js';
import { createRoot } from 'react-dom/client';
import { App } from './app.js';
import './ui/tokens.css';
import './ui/base.css';
import './ui/parts.css';
import './ui/figures.css';
import './ui/tables.css';
import './ui/shell.css';
import './rounds/rounds.css';
import './rounds/phases.css';
import './rounds/chart.css';
import './lineage/lineage.css';
import './sites/sites.css';

const root = document.getElementById('root');
if (root) createRoot(root).render(<App />);
