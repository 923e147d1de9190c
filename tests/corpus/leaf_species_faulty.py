import json

import keras
from keras import layers
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


class LeafClassifier(keras.Model):
    """Nine species of leaf from eighteen measurements."""

    def __init__(self, species):
        super().__init__()
        self.block1 = layers.Dense(64, activation="softmax")
        self.block2 = layers.Dense(32, activation="softmax")
        self.block3 = layers.Dense(32, activation="softmax")
        self.scores = layers.Dense(species, activation="softmax")

    def call(self, measurements):
        x = self.block1(measurements)
        x = self.block2(x)
        x = self.block3(x)
        return self.scores(x)


def load():
    x, y = make_classification(
        n_samples=3600, n_features=18, n_informative=14, n_redundant=2, n_classes=9,
        n_clusters_per_class=1, class_sep=2.2, random_state=6,
    )
    x_a, x_b, y_a, y_b = train_test_split(x, y, test_size=0.25, stratify=y, random_state=6)
    scaler = StandardScaler().fit(x_a)
    return scaler.transform(x_a), y_a, scaler.transform(x_b), y_b


keras.utils.set_random_seed(6)
x_train, y_train, x_test, y_test = load()
model = LeafClassifier(9)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=8, batch_size=32, validation_data=(x_test, y_test), verbose=2)
print("RESULT", json.dumps({k: float(v[-1]) for k, v in history.history.items()}))
