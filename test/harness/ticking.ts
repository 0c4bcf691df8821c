// An application that leaves a timer running: the process must end all the same.
import type { Application } from '../../service/application/index.ts';

const application: Application = () => {
  setInterval(() => {}, 60_000);
};

export default application;
