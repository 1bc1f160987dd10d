//! `models show` tells what steps and models have learned.

use serde_json::{Value, json};

use crate::command::{Place, copy};

#[test]
fn models_show_tells_what_the_steps_learned() {
    let place = Place::new();
    ["examples/data", "pipelines"].iter().for_each(|folder| copy(&place, folder));
    place.write(
        "pca.yaml",
        "version: 1\nname: pca\nsource: {file: examples/data/wine.csv}\ntarget: target\n\
         preprocess: [RobustScaler, {PCA: {n_components: 2}}, {PolynomialFeatures: {include_bias: false}}]\n\
         select: {SelectKBest: {k: 3}}\nmodel: LogisticRegression\n",
    );
    place.run(&["run", "pipelines/penguins.yaml", "pca.yaml"]).ok();
    let shown = place.run(&["models", "show", "penguins", "--json"]).json();
    let steps = shown["steps"].as_array().unwrap();
    let named: Vec<&Value> = steps.iter().map(|step| &step["address"]).collect();
    assert_eq!(
        named,
        [
            "preprocess__num__simpleimputer",
            "preprocess__num__standardscaler",
            "preprocess__cat__onehotencoder"
        ]
    );
    assert_eq!(steps[1]["class"], "StandardScaler");
    // The median of the column, and two rows that lack it.
    assert_eq!(steps[0]["facts"]["statistics"]["bill_length_mm"], 44.45);
    assert_eq!(steps[0]["facts"]["indicators"][0], "bill_length_mm");
    assert_eq!(steps[2]["facts"]["categories"]["island"], json!(["Biscoe", "Dream", "Torgersen"]));
    let text = place.run(&["models", "show", "penguins"]).ok().out;
    for line in
        ["    preprocess__num__standardscaler: StandardScaler\n", "island: Biscoe, Dream, Torgersen; "]
    {
        assert!(text.contains(line), "{line}: {text}");
    }

    let shown = place.run(&["models", "show", "pca", "--json"]).json();
    let facts = |i: usize| &shown["steps"][i]["facts"];
    assert_eq!((&facts(1)["n_features_in"], &facts(1)["n_components"]), (&json!(13), &json!(2)));
    assert_eq!(facts(1)["components"]["pca1"].as_object().unwrap().len(), 13);
    assert_eq!(facts(2)["n_output_features"], 5);
    assert_eq!((facts(3)["kept"].as_array().unwrap().len(), &facts(3)["n_features_in"]), (3, &json!(5)));
    let text = place.run(&["models", "show", "pca"]).ok().out;
    assert!(text.contains("      explained_variance_ratio pca0 0."), "{text}");
    assert!(text.contains("      center ") && text.contains(", … (13)\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() < 150), "{text}");
}
