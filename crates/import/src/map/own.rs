//! What an instance has for itself: settings and local storage.

use standpipe_deployment::facts;

use super::Mapper;
use crate::document::Element;
use crate::names::Names;
use crate::outline::{Table, Value};
use crate::report::Outcome;
use crate::script::may_hold_secret;

/// What begins the name of a setting that belongs to a plug-in of Azure.
pub(super) const PLUGINS: &str = "Microsoft.WindowsAzure.Plugins.";

impl Mapper<'_> {
    /// The role's settings and secrets, and the tables of its local storage.
    pub(super) fn own(&mut self, index: usize, table: &mut Table) {
        let role = self.roles[index].element;
        for list in role
            .children
            .iter()
            .filter(|child| matches!(child.name.as_str(), "ConfigurationSettings" | "LocalResources"))
        {
            self.ledger.read(list.id);
        }
        let (mut settings, mut secrets) = (Vec::new(), Vec::new());
        for setting in role.within("ConfigurationSettings", "Setting") {
            self.own_setting(index, setting, &mut settings, &mut secrets);
        }
        if !settings.is_empty() {
            table.set("settings", Value::Variables(settings));
        }
        if !secrets.is_empty() {
            let key = table.set("secrets", Value::Variables(secrets));
            key.decide(
                "these settings look like secrets: write each value to its file, which only you can read.",
            );
        }
        let mut names = Names::default();
        for storage in role.within("LocalResources", "LocalStorage").chain(role.all("LocalStorage")) {
            self.storage(index, storage, &mut names);
        }
    }

    fn own_setting(
        &mut self,
        index: usize,
        setting: &Element,
        settings: &mut Vec<(String, String)>,
        secrets: &mut Vec<(String, String)>,
    ) {
        let facts = &self.roles[index];
        let name = setting.label().to_owned();
        let (label, role) = (facts.label, facts.name.clone());
        if name.starts_with(PLUGINS) {
            self.ledger
                .left_out_whole(setting, "a setting of a plug-in of Azure, which is not there any more");
            return;
        }
        if name.is_empty() || name.contains('=') {
            self.ledger.left_out_whole(setting, "no variable can have this name: rename it");
            return;
        }
        let given = self.chosen.as_ref().and_then(|chosen| chosen.setting(label, &name));
        let value = given.and_then(|given| given.attribute("value")).map(|value| value.value.clone());
        let is_secret = may_hold_secret(&name) || value.as_deref().is_some_and(may_hold_secret);
        let variable = if is_secret { facts::secret(&name) } else { facts::setting(&name) };
        if !self.roles[index].variables.take(std::slice::from_ref(&variable)) {
            let note =
                format!("another name of the role is the variable {variable} already: rename one of them");
            self.ledger.left_out_whole(setting, note);
            return;
        }
        if is_secret {
            let path = format!("secrets/{role}/{}", file_name(&name));
            let to = format!("roles.{role}.secrets.{name}");
            let note = format!("write the value to {path}; the service finds the path in {variable}");
            self.ledger.decide(setting.id, to, note);
            self.ledger.within(setting, Outcome::Decide);
            self.secrets.push(path.clone());
            secrets.push((name, path));
            return;
        }
        let to = format!("roles.{role}.settings.{name}");
        let note = format!("the service finds the value in {variable}, in the place of RoleEnvironment");
        if value.is_some() {
            self.ledger.mapped_with(setting.id, to, note);
        } else {
            self.ledger.decide(setting.id, to, format!("no configuration has its value. {note}"));
        }
        self.ledger.within(setting, Outcome::Mapped);
        self.roles[index].settings.push(name.clone());
        settings.push((name, value.unwrap_or_default().replace('\0', "")));
    }

    fn storage(&mut self, index: usize, storage: &Element, names: &mut Names) {
        let role = self.roles[index].name.clone();
        let mut name = names.take(storage.label(), "Storage");
        while !self.roles[index].variables.take(&of_storage(&name)) {
            name = names.take(storage.label(), "Storage");
        }
        let to = format!("roles.{role}.local-storage.{name}");
        let mut table = Table::new(&["roles", &role, "local-storage", &name]);
        let variable = facts::local_storage(&name);
        self.ledger.mapped_with(
            storage.id,
            &to,
            format!(
                "the service finds the path in {variable}, in the place of RoleEnvironment.GetLocalResource"
            ),
        );
        if let Some(attribute) = storage.attribute("name") {
            self.ledger.mapped(attribute.id, &to);
        }
        // The pages of the schema print both.
        for attribute in
            storage.attributes.iter().filter(|each| matches!(each.name.as_str(), "sizeInMB" | "sizeInMb"))
        {
            self.ledger.mapped(attribute.id, format!("{to}.size"));
            if table.keys.is_empty() {
                table.text("size", format!("{}MiB", attribute.value.trim()));
            }
        }
        if let Some(cleans) = storage.attribute("cleanOnRoleRecycle") {
            self.ledger.mapped(cleans.id, format!("{to}.clean-on-recycle"));
            if matches!(cleans.value.trim().to_lowercase().as_str(), "false" | "0") {
                table.set("clean-on-recycle", Value::Flag(false));
            }
        }
        self.roles[index].storage.push((storage.label().to_owned(), name));
        self.tables.push(table);
    }
}

/// The variables of a local storage.
fn of_storage(name: &str) -> [String; 2] {
    ["", "_MIB"].map(|end| facts::local_storage(name) + end)
}

/// The name of the file with a secret.
fn file_name(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    format!("setting-{}", name.chars().map(letter).collect::<String>())
}
