// Playwright drives Debian's Firefox over WebDriver BiDi, with a command that Firefox 153 has not yet.
const { prototype } = require("module"), compile = prototype._compile;
prototype._compile = function (code, ...rest) {
  return compile.call(this, code.replaceAll('"emulation.setMediaFeaturesOverride"', '"session.status"'), ...rest);
};
