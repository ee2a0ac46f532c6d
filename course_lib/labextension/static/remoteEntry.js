/* The language button of the course: a prebuilt JupyterLab extension, written by hand because it
 * shares no code with JupyterLab and so needs no bundler. Its toolbar place and its shortcut stand
 * in schemas/course-language/plugin.json.
 */
(() => {
  const NAME = 'course-language';
  const CYCLE = `${NAME}:cycle`;
  const SET = `${NAME}:set`;
  const LABELS = { both: '中 + EN', zh: '中文', en: 'English' };
  const CHOICES = Object.keys(LABELS);

  // Only what is rendered is hidden: the source of a cell always shows both languages.
  const hide = (choice, hidden) =>
    `body[data-${NAME}="${choice}"] .jp-RenderedHTMLCommon [lang="${hidden}"] ` +
    '{ display: none !important; }';
  const CSS = [hide('zh', 'en'), hide('en', 'zh')].join('\n');

  // Reading or writing localStorage throws where the browser blocks site data; the button then
  // still works, until the page is left.
  const recall = () => {
    try {
      return localStorage.getItem(NAME);
    } catch {
      return null;
    }
  };
  const remember = choice => {
    try {
      localStorage.setItem(NAME, choice);
    } catch {
      // Not remembered.
    }
  };

  // Hiding half of the text moves the rest. The cell at the upper edge of each notebook in view
  // stays there, at the same fraction of its height.
  const keepPlace = change => {
    const places = [...document.querySelectorAll('.jp-WindowedPanel-outer')].flatMap(scroller => {
      const edge = scroller.getBoundingClientRect().top;
      const cell = [...scroller.querySelectorAll('.jp-Cell')].find(
        candidate => candidate.getBoundingClientRect().bottom > edge
      );
      if (!cell) {
        return [];
      }
      const { top, height } = cell.getBoundingClientRect();
      return [{ scroller, edge, cell, fraction: (edge - top) / height }];
    });
    change();
    const settle = frames => {
      for (const { scroller, edge, cell, fraction } of places) {
        const { top, height } = cell.getBoundingClientRect();
        scroller.scrollTop += top + fraction * height - edge;
      }
      if (frames > 0) {
        requestAnimationFrame(() => settle(frames - 1));
      }
    };
    // The browser measures a cell only when it comes near the view, which moves the others again:
    // six frames were needed in a notebook of sixty cells.
    settle(12);
  };

  const activate = app => {
    const { commands } = app;
    let current;

    const show = choice => {
      current = CHOICES.includes(choice) ? choice : 'both';
      keepPlace(() => document.body.setAttribute(`data-${NAME}`, current));
      commands.notifyCommandChanged();
    };
    const choose = choice => {
      show(choice);
      remember(choice);
    };

    commands.addCommand(CYCLE, {
      label: () => LABELS[current],
      caption: '切换语言 · Switch language',
      execute: () => choose(CHOICES[(CHOICES.indexOf(current) + 1) % CHOICES.length]),
    });
    commands.addCommand(SET, {
      label: ({ lang }) => LABELS[lang] ?? '选择语言 · Choose the language',
      isToggled: ({ lang }) => lang === current,
      describedBy: { args: { properties: { lang: { enum: CHOICES } }, required: ['lang'] } },
      execute: ({ lang }) => {
        if (!CHOICES.includes(lang)) {
          throw new Error(`lang is ${lang}, and has to be one of ${CHOICES.join(', ')}`);
        }
        choose(lang);
      },
    });

    const style = document.createElement('style');
    style.textContent = CSS;
    document.head.append(style);
    show(recall());
    // Notebook 7 opens each notebook in a browser tab of its own: they change together.
    window.addEventListener('storage', ({ key, newValue }) => key === NAME && show(newValue));
  };

  const plugin = {
    id: `${NAME}:plugin`,
    description: 'Shows notebooks in Chinese, in English or in both.',
    autoStart: true,
    activate,
  };
  // What JupyterLab expects of a prebuilt extension: a module-federation container that gives the
  // module named in package.json.
  (window._JUPYTERLAB ??= {})[NAME] = {
    init: () => Promise.resolve(),
    get: () => Promise.resolve(() => ({ __esModule: true, default: plugin })),
  };
})();
